"""Handlers on the workers of a cluster do what they do here."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, LocalCluster

from altlas_runner import AltFile, HandlerContext, LastFile, Outcome, Runner, RunnerConfig, Task, TaskAttempt
from altlas_runner.dask_executor import DaskConnection, DaskExecutor
from altlas_runner.dask_executor import executor as dask_executor
from altlas_runner.errors import ConfigurationError
from altlas_runner.execution import Executor
from altlas_runner.last_file import read_artifact, read_output
from altlas_runner.last_file.report.details import detail_of
from altlas_runner.last_file.report.run_record import RunRecord
from altlas_runner.results import TaskResult
from altlas_runner.task_manager import Event, TaskProgress
from tests.dask_executor.clusters import HANDLERS, run_on, task
from tests.dask_executor.functions import add

pytestmark = pytest.mark.slow

MIB = 1 << 20


def on(where: object, *tasks: Task, store: str | None = None, **options: Any) -> list[TaskResult]:
    """Run tasks on a cluster."""

    async def run() -> list[TaskResult]:
        async with DaskExecutor(where, HANDLERS, store=store) as engine:  # type: ignore[arg-type]
            return await run_on(engine, *tasks, **options)

    return asyncio.run(run())


def test_a_cluster_is_given_by_address_client_or_itself(cluster: LocalCluster) -> None:
    with Client(cluster, set_as_default=False) as client:  # on a loop of its own, in a thread
        for where in (cluster.scheduler_address, client, cluster):
            (result,) = on(where, task("add", parameters={"numbers": [1, 2]}))
            assert result.output["sum"] == 3


def test_the_executor_satisfies_the_protocol(cluster: LocalCluster) -> None:
    async def run() -> Outcome:
        async with DaskExecutor(cluster, HANDLERS) as engine:
            assert isinstance(engine, Executor)
            return await engine.attempt(TaskAttempt(Task(id="a", description="d"), 1, _run_info()))

    assert asyncio.run(run()).error_code == "HANDLER_UNKNOWN"


def test_a_handler_gets_there_what_it_gets_here(cluster: LocalCluster) -> None:
    seen: list[Event] = []
    first, second = on(
        cluster,
        task("tell", "ä b", timeout_seconds=60),
        task(
            "add",
            "sum",
            parameters={"numbers": [4, 5], "of": '${{ tasks["ä b"].output.attempt }}'},
            dependencies=["ä b"],
        ),
        on_event=seen.append,
        run_id="last_x",
    )
    assert first.output == {"attempt": 1, "key": "last_x:%C3%A4%20b", "in_time": True}
    assert second.output == {"sum": 9, "outputs": {"ä b": first.output}, "attempt": 1}
    told = [(event.kind, event.fields) for event in seen if isinstance(event, TaskProgress)]
    assert told == [("adding", {"numbers": 2})]


def test_every_attempt_says_which_worker_made_it(cluster: LocalCluster) -> None:
    (result,) = on(cluster, task("fail", parameters={"times": 2}, retry_count=3))
    assert (result.status, len(result.attempts)) == ("completed", 3)
    assert [attempt.error_code for attempt in result.attempts] == ["OWN", "OWN", None]
    assert all(str(attempt.service).startswith("tcp://") for attempt in result.attempts)


def test_the_same_file_gives_the_same_last_file_here_and_there(cluster: LocalCluster, tmp_path: Path) -> None:
    """But for times, ids and workers."""
    alt_file = AltFile(
        id="f",
        title="F",
        tasks=[
            task("add", "one", parameters={"numbers": [1, 2]}),
            task("add", "two", parameters={"numbers": [3]}, dependencies=["one"]),
            task("fail", "again", parameters={"times": 1}, retry_count=2),
            task("fail", "never", parameters={"times": 9}),
            task("nap", "skipped", dependencies=["never"]),
            task("nap", "late", parameters={"seconds": 60}, timeout_seconds=1),
            task("kill-itself", "dies"),
        ],
    )

    def run(place: str, **options: Any) -> Any:
        config = RunnerConfig(output_dir=tmp_path / place, max_concurrent_tasks=4, generate_graphs=False, **options)
        runner = Runner(config, handlers=HANDLERS)
        last_file = asyncio.run(runner.execute(alt_file, seed=1))
        return _without_times(LastFile.from_path(runner.bundle_path(last_file)))

    here = run("here")
    there = run("there", engine="dask", dask_address=cluster.scheduler_address)
    assert here == there
    assert [result["status"] for result in here["task_results"]] == [
        "completed", "completed", "completed", "failed", "skipped", "timeout", "failed",
    ]  # fmt: skip
    assert (tmp_path / "there").glob("*/artifacts/one/note.txt")


def test_the_report_shows_which_worker_did_what(cluster: LocalCluster, tmp_path: Path) -> None:
    address = cluster.scheduler_address
    config = RunnerConfig(output_dir=tmp_path, generate_graphs=False, engine="dask", dask_address=address)
    alt_file = AltFile(id="f", title="F", tasks=[task("add", "one", parameters={"numbers": [1]})])
    runner = Runner(config, handlers=HANDLERS)
    last_file = asyncio.run(runner.execute(alt_file))
    worker = last_file.task_results[0].attempts[0].service
    assert worker is not None
    assert detail_of(RunRecord(last_file), 0, 1000)["places"] == [worker]


def test_contents_over_a_mebibyte_go_through_the_store(
    cluster: LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    sealed = DaskConnection.call

    async def call(self: DaskConnection, function: Any, body: Any, on_progress: Any = None) -> Any:
        reply = await sealed(self, function, body, on_progress)
        sizes.extend((len(json.dumps(body)), len(json.dumps(reply.body))))
        return reply

    monkeypatch.setattr(DaskConnection, "call", call)
    given = {"bytes": 3 * MIB, "given": "y" * (2 * MIB)}
    config = RunnerConfig(
        output_dir=tmp_path / "out",
        generate_graphs=False,
        engine="dask",
        dask_address=cluster.scheduler_address,
        dask_store=str(tmp_path / "store"),
    )
    alt_file = AltFile(id="f", title="F", tasks=[task("large", "a", parameters=given)])
    runner = Runner(config, handlers=HANDLERS)
    last_file = asyncio.run(runner.execute(alt_file))
    (result,) = last_file.task_results
    assert result.status == "completed"
    bundle = runner.bundle_path(last_file)
    output = read_output(bundle, LastFile.from_path(bundle).task_results[0])
    assert (output["got"], len(output["text"])) == (2 * MIB, 3 * MIB)
    (large,) = [each for each in last_file.get_all_artifacts() if "large.bin" in each.path]
    assert read_artifact(bundle, large) == b"\x01\xfe" * (3 * MIB)
    assert max(sizes) < MIB
    assert list((tmp_path / "store").iterdir()) == []


def test_without_a_store_such_a_content_fails_its_task(cluster: LocalCluster) -> None:
    little = {"bytes": 10, "given": "y"}
    results = on(
        cluster,
        task("large", "in", parameters={**little, "given": "y" * (2 * MIB)}),
        task("large", "out", parameters={**little, "bytes": 2 * MIB}),
        task("large", "fine", parameters=little),
    )
    assert [(result.status, result.error_code) for result in results] == [
        ("failed", "DASK_STORE"),
        ("failed", "DASK_STORE"),
        ("completed", None),
    ]
    assert all("dask_store" in str(result.error) for result in results[:2])


def test_a_handler_that_differs_on_the_worker_is_refused(
    cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_executor, "source_digest", lambda place: "0" * 64)
    (result,) = on(cluster, task("add", parameters={"numbers": [1]}, retry_count=3))
    assert (result.status, result.error_code, len(result.attempts)) == ("failed", "DASK_MISMATCH", 1)
    assert "not the same on this worker" in str(result.error)


def test_another_version_of_the_library_is_refused(cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("altlas_runner.dask_executor.envelope.__version__", "9.9.9")
    (result,) = on(cluster, task("add", parameters={"numbers": [1]}))
    assert result.error_code == "DASK_MISMATCH"
    assert "altlas-runner 9.9.9" in str(result.error)


def test_a_function_that_no_worker_could_find_is_refused_before_the_run(cluster: LocalCluster) -> None:
    def inner(context: HandlerContext) -> None: ...

    with pytest.raises(ConfigurationError, match="top level of a module"):
        DaskExecutor(cluster, {"inner": inner})


def test_what_no_handler_does_goes_to_the_executor(cluster: LocalCluster, tmp_path: Path) -> None:
    class Service:
        async def attempt(self, attempt: TaskAttempt) -> Outcome:
            return Outcome.completed("answered here")

    alt_file = AltFile(
        id="f", title="F", tasks=[Task(id="asked", description="d"), task("add", "sum", parameters={"numbers": [1]})]
    )

    async def run() -> LastFile:
        async with DaskExecutor(cluster, [add]) as engine:
            config = RunnerConfig(output_dir=tmp_path, generate_graphs=False)
            return await Runner(config, executor=Service(), engine=engine).execute(alt_file)

    asked, summed = asyncio.run(run()).task_results
    assert asked.output == "answered here"
    assert summed.output["sum"] == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"engine": "dask"}, "needs the address of a scheduler"),
        ({"engine": "dask", "dask_address": "tls://x:1", "dask_tls_ca": "ca.pem"}, "given together"),
    ],
)
def test_settings_that_do_not_fit_are_told(settings: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        RunnerConfig(**settings)


def test_two_engines_are_one_too_many(cluster: LocalCluster, tmp_path: Path) -> None:
    config = RunnerConfig(output_dir=tmp_path, engine="dask", dask_address="tcp://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match="not both"):
        Runner(config, engine=DaskExecutor(cluster, [add]))


def test_an_event_that_is_lost_is_made_up_for_by_the_future(
    cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reply is pushed; what Dask keeps is the second way."""
    monkeypatch.setattr(DaskConnection, "_on_event", lambda self, event: None)
    results = on(cluster, *[task("add", f"t{n}", parameters={"numbers": [n]}) for n in range(20)])
    assert [result.output["sum"] for result in results] == list(range(20))


def test_the_scheduler_does_not_keep_what_it_was_told(cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would keep a hundred thousand outcomes."""
    monkeypatch.setattr("altlas_runner.dask_executor.connection._HISTORY_BYTES", 20_000)
    on(cluster, *[task("add", f"t{n}", parameters={"numbers": [n] * 1000}) for n in range(60)])
    scheduler: Any = cluster.scheduler
    kept = scheduler._broker.get_events()
    mine = {topic: events for topic, events in kept.items() if topic.startswith("altlas-runner-")}
    assert sum(len(content) for events in mine.values() for _, content in events) < 60_000


def _run_info() -> Any:
    from altlas_runner.execution import RunInfo

    return RunInfo("last_1")


def _without_times(last_file: LastFile) -> Any:
    """A LAST file as JSON without what may differ."""
    found = json.loads(last_file.to_json())
    for name in ("id", "execution_started", "execution_completed", "total_execution_time_ms", "summary"):
        del found[name]
    for result in found["task_results"]:
        for name in ("started_at", "completed_at", "execution_time_ms"):
            del result[name]
        for attempt in result["attempts"]:
            for name in ("started_at", "ended_at", "wait_before_ms", "service"):
                del attempt[name]
    return found


def test_no_secret_shows_in_what_handlers_log_there(cluster: LocalCluster, tmp_path: Path) -> None:
    """The log of a worker is read by others: neither key-like fields nor secret inputs under other names show."""
    tasks = [
        task("log", parameters={"password": "by-its-name", "text": "as ${{ inputs.api_key }}, plain"}),
        task("log", "b", parameters={"from": "${{ tasks.a.output }}"}, dependencies=["a"]),
    ]
    config = RunnerConfig(
        output_dir=tmp_path, generate_graphs=False, engine="dask", dask_address=cluster.scheduler_address
    )
    runner = Runner(config, handlers=HANDLERS)
    flow = AltFile(id="f", title="f", tasks=tasks)
    last_file = asyncio.run(runner.execute(flow, inputs={"api_key": "by-the-input"}))
    logged = [str(result.output)[::-1] for result in last_file.task_results]
    assert "'password': '[redacted]', 'text': 'as [redacted], plain'" in logged[0]
    assert not any("by-" in each for each in logged)
    (result,) = on(cluster, tasks[0].model_copy(update={"parameters": {"task_type": "log", "token": "a-bare-engine"}}))
    assert "'token': '[redacted]'" in str(result.output)[::-1]


def test_a_store_that_a_worker_does_not_reach_is_told(cluster: LocalCluster) -> None:
    (result,) = on(cluster, task("large", parameters={"bytes": 1, "given": "x" * 2 * MIB}), store="memory://mine")
    assert result.error_code == "DASK_STORE"
    assert "driver and workers must share it" in str(result.error)


def test_a_store_is_one_place_for_driver_and_workers_wherever_they_run(
    cluster: LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (result,) = on(cluster, task("large", parameters={"bytes": 2 * MIB, "given": "x" * 2 * MIB}), store="store")
    assert result.status == "completed", result.error
    assert list((tmp_path / "store").iterdir()) == []
