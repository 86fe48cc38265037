"""What every bundle must be, whoever made it and whatever went wrong on the way."""

import hashlib
import json
import os
import re
import unicodedata
from functools import cache
from pathlib import Path

import jsonschema

from altlas_runner.last_file import LastFile, read_artifact, read_output
from altlas_runner.last_file.json_schema import last_file_schema

_WINDOWS_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|clock\$|(com|lpt)[0-9¹²³])( *)(\..*)?", re.IGNORECASE)


@cache
def validator() -> jsonschema.protocols.Validator:
    return jsonschema.Draft202012Validator(last_file_schema())


def assert_fits_the_schema(result: Path) -> None:
    """`result.last` is what `last-file.schema.json` says."""
    validator().validate(json.loads(result.read_bytes()))


def assert_whole(bundle: Path) -> LastFile:
    """Everything that the LAST file speaks of is there, and nothing else is, not even something half written."""
    last_file = LastFile.from_path(bundle)
    assert_fits_the_schema(bundle / "result.last")
    artifacts = last_file.get_all_artifacts()
    assert len({artifact.id for artifact in artifacts}) == len(artifacts)
    for artifact in artifacts:
        content = read_artifact(bundle, artifact)
        assert len(content) == artifact.size_bytes
        assert hashlib.sha256(content).hexdigest() == artifact.sha256
        assert_harmless(artifact.path)
    for result in last_file.task_results:
        read_output(bundle, result)
    others = {"result.last", "report.html", f"{last_file.id}.dot", f"{last_file.id}.png"}
    others |= {"journal.sqlite3", "journal.lock"}
    there = {
        file.relative_to(bundle).as_posix() for file in bundle.rglob("*") if not file.is_dir() or file.is_symlink()
    }
    assert there - others == {artifact.path for artifact in artifacts}
    return last_file


def assert_harmless(path: str) -> None:
    """The path of an artifact means the same on every system, and only a file in the bundle."""
    root, directory, name = path.split("/")
    assert root == "artifacts"
    for part in (directory, name):
        assert part == unicodedata.normalize("NFC", part)
        assert part
        assert len(part.encode()) <= 160
        assert not part.startswith((".", "-", "~", " "))
        assert not part.endswith((".", " "))
        assert not _WINDOWS_DEVICE.fullmatch(part)
        assert not set('<>:"/\\|?*').intersection(part)
        assert all(unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for char in part)


def tree_of(directory: Path) -> dict[str, tuple[str, bytes]]:
    """Every file, link and directory with its content: to be compared before and after."""
    found: dict[str, tuple[str, bytes]] = {}
    for place, directories, files in os.walk(directory):
        for name in [*directories, *files]:
            path = Path(place, name)
            key = str(path.relative_to(directory))
            if path.is_symlink():
                found[key] = ("link", bytes(path.readlink()))
            elif path.is_dir():
                found[key] = ("directory", b"")
            else:
                found[key] = ("file", path.read_bytes())
    return found
