"""A disk that fills up, a directory that refuses, a SIGKILL at any instant: no half bundle, whatever happens."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from altlas_runner.errors import BundleError
from altlas_runner.last_file import LastFile, LastFileGenerator, read_artifact, read_output
from tests.last_file.bundles import assert_fits_the_schema, assert_whole
from tests.last_file.fabricate import alt_file, completed
from tests.small_disks import mounted, remounted

PROGRAM = Path(__file__).with_name("killing.py")
KILLS = 300 if os.environ.get("ALTLAS_EXAMPLES") == "nightly" else 10
OUTPUT: dict[str, Any] = {
    "artifacts": [{"name": f"{i}.txt", "content": os.urandom(6000).hex()} for i in range(3)],
    "text": "z" * 20_000,
}


def write(directory: Path, last_id: str = "last_1") -> LastFile:
    generator = LastFileGenerator(directory).with_graphs(False)
    return generator.generate(alt_file({"a": ()}), [completed("a", OUTPUT)], last_id=last_id)


def assert_none_or_whole(directory: Path, error: BundleError | None) -> str:
    """What a writer left that says it failed, or that says it did not."""
    left = [path.name for path in directory.rglob("*")]
    assert not [name for name in left if name.endswith(".tmp")]
    if error is not None:
        assert "cannot be" in str(error)
        assert "result.last" not in left
        return "none"
    (result,) = assert_whole(directory / "last_1").task_results
    problems = (result.metadata or {}).get("artifact_problems", [])
    assert len(result.artifacts or ()) + len(problems) == len(OUTPUT["artifacts"])
    return "without some artifacts" if problems else "whole"


def test_a_full_disk_leaves_no_result_or_a_whole_one_that_says_what_is_missing(tmp_path: Path) -> None:
    found = set()
    for kibibytes in (8, 16, 24, 32, 40, 48, 56, 64, 96, 128, 192, 256, 1024):
        with mounted(tmp_path / f"disk{kibibytes}", f"size={kibibytes}k") as disk:
            error = None
            try:
                write(disk)
            except BundleError as caught:
                error = caught
            found.add(assert_none_or_whole(disk, error))
    assert {"none", "whole"} <= found


def test_a_limit_on_file_sizes_leaves_no_result_or_a_whole_one(tmp_path: Path) -> None:
    found = set()
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    for limit in (100, 4_000, 8_000, 14_000, 30_000, 60_000, 200_000):
        directory, error = tmp_path / str(limit), None
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
            write(directory)
        except BundleError as caught:
            error = caught
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        found.add(assert_none_or_whole(directory, error))
    signal.signal(signal.SIGXFSZ, handler)
    assert {"none", "whole"} <= found


def test_a_directory_that_became_read_only_leaves_the_earlier_bundle(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=4m") as disk:
        write(disk)
        before = sorted(path.name for path in disk.rglob("*"))
        remounted(disk, "ro")
        for last_id in ("last_1", "last_2"):
            with pytest.raises(BundleError, match=r"cannot be (written|made): .*[Rr]ead-only"):
                write(disk, last_id)
            with pytest.raises(BundleError, match=r"[Rr]ead-only"):
                LastFileGenerator(disk).make_directory(last_id)
        assert sorted(path.name for path in disk.rglob("*")) == before
        assert_whole(disk / "last_1")


@pytest.mark.slow
def test_a_kill_at_any_instant_leaves_no_result_or_a_whole_one(tmp_path: Path) -> None:
    subprocess.run([sys.executable, PROGRAM, tmp_path, "1", str(KILLS)], check=True, timeout=60 + 5 * KILLS)
    whole = broken = 0
    for bundle in tmp_path.iterdir():
        if not (bundle / "result.last").exists():
            broken += 1
            with pytest.raises(
                BundleError, match=r"no result\.last in it: not a LAST bundle, or its run has not ended"
            ):
                LastFile.from_path(bundle)
        elif bundle.name == "again":  # what a killed successor left lies beside it, and nothing takes it for anything
            last_file = LastFile.from_path(bundle)
            assert_fits_the_schema(bundle / "result.last")
            assert len(last_file.get_all_artifacts()) == 16
            assert [len(read_artifact(bundle, each)) for each in last_file.get_all_artifacts()]
            assert all(read_output(bundle, result)["artifacts"] for result in last_file.task_results)
        else:
            whole += 1
            assert len(assert_whole(bundle).get_all_artifacts()) == 16
    assert broken >= 1, "kills hit bundles that were being written"
    assert whole >= 2


def test_what_a_killed_writer_left_is_gone_with_the_next_bundle_of_its_id(tmp_path: Path) -> None:
    write(tmp_path)
    for place in ("last_1", "last_1/artifacts/a"):
        (tmp_path / place / ".0123456789abcdef.tmp").write_text("half")
    write(tmp_path)
    assert_whole(tmp_path / "last_1")
