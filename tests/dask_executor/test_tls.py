"""A cluster that speaks TLS lets in who has a certificate of its authority, and nobody else."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from altlas_runner import AltFile, Runner, RunnerConfig
from altlas_runner.errors import ConfigurationError
from tests.batch.many_files import runner_into, write_files
from tests.dask_executor.clusters import HANDLERS, dask_program, free_port, supervised, task
from tests.needs import need_openssl

pytestmark = pytest.mark.slow


class Authority:
    """Somebody who signs certificates.

    Attributes:
        ca: the PEM file by which others know its signature.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self._directory = directory
        self.ca = directory / "ca.pem"
        _openssl("req", "-x509", "-subj", "/CN=authority", "-days", "2", *self._new_key("ca"), "-out", self.ca)

    def certificate(self, name: str) -> tuple[Path, Path]:
        """A certificate for somebody, and its private key: PEM files."""
        request, signed = self._directory / f"{name}.csr", self._directory / f"{name}.pem"
        key = self._new_key(name)
        _openssl("req", "-subj", f"/CN={name}", *key, "-out", request)
        authority = ("-CA", self.ca, "-CAkey", self._directory / "ca-key.pem", "-CAcreateserial")
        _openssl("x509", "-req", "-in", request, *authority, "-days", "2", "-out", signed)
        return signed, Path(key[-1])

    def settings(self, name: str) -> dict[str, Any]:
        """The settings of a driver that shows a certificate for this name."""
        certificate, key = self.certificate(name)
        return {"dask_tls_ca": self.ca, "dask_tls_cert": certificate, "dask_tls_key": key}

    def _new_key(self, name: str) -> tuple[str, ...]:
        return ("-newkey", "rsa:2048", "-nodes", "-keyout", str(self._directory / f"{name}-key.pem"))


def _openssl(*words: object) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    need_openssl()
    return Authority(tmp_path_factory.mktemp("tls") / "ours")


@pytest.fixture(scope="module")
def address(authority: Authority) -> Iterator[str]:
    """The address of a scheduler with two workers, started as docs/dask.md says."""
    port = free_port()
    with ExitStack() as stack:
        for name, words in (
            ("scheduler", ("scheduler", "--protocol", "tls", "--host", "127.0.0.1", "--port", str(port))),
            ("worker", ("worker", f"tls://127.0.0.1:{port}", "--nworkers", "2", "--nthreads", "2")),
        ):
            certificate, key = authority.certificate(name)
            tls = ("--tls-ca-file", str(authority.ca), "--tls-cert", str(certificate), "--tls-key", str(key))
            stack.enter_context(supervised(*dask_program(*words, *tls, "--no-dashboard")))
        yield f"tls://127.0.0.1:{port}"


def on(address: str, output_dir: Path, **settings: Any) -> Runner:
    return runner_into(output_dir, engine="dask", dask_address=address, **settings)


def test_tasks_and_whole_files_run_there(authority: Authority, address: str, tmp_path: Path) -> None:
    settings = authority.settings("driver")
    config = RunnerConfig(
        output_dir=tmp_path / "run", generate_graphs=False, engine="dask", dask_address=address, **settings
    )
    tasks = [task("add", f"t{number}", parameters={"numbers": [number]}) for number in range(8)]
    last_file = asyncio.run(Runner(config, handlers=HANDLERS).execute(AltFile(id="f", title="F", tasks=tasks)))
    assert [result.output["sum"] for result in last_file.task_results] == list(range(8))
    assert all(str(result.attempts[0].service).startswith("tls://") for result in last_file.task_results)

    files = write_files(tmp_path / "in", 6)
    summary = asyncio.run(on(address, tmp_path / "batch", **settings).execute_many(files))
    assert summary.statuses == {"success": 6}


@pytest.mark.parametrize("shows", ["another authority's", "another authority's, and trusts ours", "none", "no TLS"])
def test_who_has_no_certificate_of_the_authority_is_refused_at_once_and_told_what_to_do(
    shows: str, authority: Authority, address: str, tmp_path: Path
) -> None:
    """Not after the time in which a scheduler may be silent: this one is there, and lets others in."""
    settings = {} if shows in ("none", "no TLS") else Authority(tmp_path / "other").settings("driver")
    if shows == "another authority's, and trusts ours":
        settings["dask_tls_ca"] = authority.ca
    place = address.replace("tls://", "tcp://") if shows == "no TLS" else address

    async def open_both() -> None:
        let_in = on(address, tmp_path, **authority.settings("driver"))
        async with let_in, asyncio.timeout(15), on(place, tmp_path, **settings):
            pass

    with pytest.raises(ConfigurationError, match=r"cannot be reached: .+; .*tls://"):
        asyncio.run(open_both())


@pytest.mark.parametrize("file", ["dask_tls_ca", "dask_tls_cert", "dask_tls_key"])
def test_a_pem_file_that_is_none_is_told(file: str, authority: Authority, tmp_path: Path) -> None:
    settings = authority.settings("driver") | {file: tmp_path / "nonsense.pem"}
    settings[file].write_text("nonsense")

    async def open_it() -> None:
        async with on(f"tls://127.0.0.1:{free_port()}", tmp_path, **settings):
            pass

    with pytest.raises(ConfigurationError, match="dask_tls_cert"):
        asyncio.run(open_it())
