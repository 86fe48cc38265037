"""The disk fills up, breaks, or refuses: nothing further starts, nothing that was acknowledged is lost."""

import errno
import os
from pathlib import Path

import pytest

from tests.durability.command_line import CONCURRENCY, CommandLine, Process, resume, run
from tests.durability.flows import CountingService, layered_flow, outcome_of, write
from tests.durability.interrupting import interrupted
from tests.durability.journals import JOURNAL
from tests.small_disks import mounted, remounted

pytestmark = pytest.mark.slow

EXIT_INCOMPLETE, EXIT_BUNDLE = 1, 4
TASKS = 24
NIGHTLY = os.environ.get("ALTLAS_EXAMPLES") == "nightly"
KIBIBYTES = range(4, 404, 4 if NIGHTLY else 12)  # a file of tmpfs grows by pages of 4 KiB
ROOM = "size=16m"
NUMBERS = (1, 4, 8, 14, 21, 34)
"""Which call to the disk fails first; the last one may be after the end."""


class Trouble:
    """A run on a disk that makes trouble, and what came of it before and after the trouble was over."""

    def __init__(self, service: CountingService, output: Path, expected: object) -> None:
        self._service = service
        self._output = output
        self._expected = expected
        self._before: set[str] = set()
        service.ledgers.clear()

    def first(self, status: int, process: Process) -> str:
        """How a run with trouble ended: not begun, stopped, without a bundle, or whole."""
        calls = [call for ledger in self._service.ledgers.values() for call in ledger.calls]
        self._before = process.completed() | {task_id for call in calls for task_id in call.context}
        assert "Traceback" not in process.stderr, process.stderr
        if status == 0:
            return "whole"
        if status == EXIT_INCOMPLETE:
            assert "JOURNAL_IO" in process.stderr + process.stdout, process.stderr
            assert len(calls) <= len(self._before) + CONCURRENCY, "further tasks started"
            return "stopped"
        assert status == EXIT_BUNDLE, (status, process.stderr)
        assert "error: " in process.stderr
        assert not calls or len(process.completed()) == TASKS or "JOURNAL_IO" in process.stderr, process.stderr
        return "without a bundle" if calls else "not begun"

    def then(self, programs: CommandLine, alt: Path) -> None:
        """When the trouble is over, the run goes on, and ends as if there had been none."""
        bundles = [path for path in self._output.iterdir() if (path / JOURNAL).exists()]
        before = {run_id: ledger.counts() for run_id, ledger in self._service.ledgers.items()}
        self._service.ledgers.clear()
        for bundle in bundles:
            status, process = programs.end_of(resume(bundle, self._service.url))
            again = self._service.ledgers[bundle.name].counts()
            assert status == 0, process.stderr
            assert not self._before & again.keys()
            assert sum(again.values()) + sum(before.get(bundle.name, {}).values()) <= TASKS + CONCURRENCY
            assert outcome_of(bundle) == self._expected
        if not bundles:
            assert sum(sum(counts.values()) for counts in before.values()) == 0


@pytest.fixture(scope="module")
def alt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    document = layered_flow(TASKS, 7, artifacts=False)  # a full disk may cost artifacts, and says so
    return write(tmp_path_factory.mktemp("alt") / "flow.alt.json", document)


@pytest.fixture(scope="module")
def expected(programs: CommandLine, alt: Path) -> object:
    with CountingService() as service:
        status, process = programs.end_of(run(alt, alt.parent / "out", service.url))
    assert status == 0, process.stderr
    (bundle,) = (alt.parent / "out").iterdir()
    return outcome_of(bundle)


def test_a_disk_that_fills_up_stops_the_run_and_loses_nothing(
    programs: CommandLine, alt: Path, expected: object, tmp_path: Path
) -> None:
    found = []
    with CountingService() as service:
        for kibibytes in KIBIBYTES:
            with mounted(tmp_path / f"disk{kibibytes}", f"size={kibibytes}k") as disk:
                trouble = Trouble(service, disk, expected)
                found.append(trouble.first(*programs.end_of(run(alt, disk, service.url))))
                remounted(disk, ROOM)
                trouble.then(programs, alt)
    assert {"not begun", "without a bundle", "whole"} <= set(found)  # where a journal has no room, a bundle seldom has
    assert len(found) == len(KIBIBYTES)


@pytest.mark.parametrize("kind", ["write", "fsync"])
@pytest.mark.parametrize("lasting", [True, False], ids=["for good", "once"])
def test_a_disk_that_breaks_stops_the_run_and_loses_nothing(
    preloaded_programs: CommandLine, alt: Path, expected: object, tmp_path: Path, kind: str, lasting: bool
) -> None:
    """What a failed fsync left behind, nobody knows: also when the next one succeeds, nothing is built on it."""
    found = []
    with CountingService() as service:
        for number in NUMBERS:
            output = tmp_path / str(number)
            trouble = Trouble(service, output, expected)
            failing = f"{kind} {errno.EIO} {number} {999_999 if lasting else number} {JOURNAL}"
            end = preloaded_programs.end_of(run(alt, output, service.url), {"ALTLAS_FAILING": failing})
            found.append(trouble.first(*end))
            trouble.then(preloaded_programs, alt)
    assert {"not begun", "stopped"} <= set(found) <= {"not begun", "stopped", "whole"}
    assert found[-1] == "whole" or "whole" not in found, "only the last call may come too late to do harm"


def test_a_read_only_directory_is_found_before_the_first_call(programs: CommandLine, alt: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", ROOM) as disk, CountingService() as service:
        bundle = interrupted(programs, service, alt, disk / "out", {"t0"})
        remounted(disk, "ro")
        for arguments in (run(alt, disk / "out", service.url), resume(bundle, service.url)):
            status, process = programs.end_of(arguments)
            assert (status, "read-only" in process.stderr.lower()) == (EXIT_BUNDLE, True), process.stderr
        assert not any(ledger.calls for ledger in service.ledgers.values())
        remounted(disk, "rw")
        status, process = programs.end_of(resume(bundle, service.url))
        assert status == 0, process.stderr
