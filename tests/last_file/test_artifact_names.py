"""Whatever a stranger calls an artifact, its file is harmless on every system, and nobody else's."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altlas_runner.last_file import LastFileGenerator
from altlas_runner.last_file.artifacts.names import UniqueNames, directory_name, safe_name
from tests.last_file.bundles import assert_harmless, assert_whole, tree_of
from tests.last_file.fabricate import alt_file, completed

HOSTILE = [
    "../../../outside.txt", "/etc/passwd", "..\\..\\outside.txt", "C:\\Windows\\win.ini", "\\\\host\\share\\x", "..",
    ".", "...", "", " ", "/", "a/../../b", "file:///etc/passwd", "~/.ssh/authorized_keys", ".htaccess", "-rf",
    "--output=x", "NUL", "con.txt", "Aux", "COM1.log", "lpt9", "COM¹.txt", "CONIN$", "nul .txt", "a\x00b.txt",
    "a\nb.txt", "\x1b]0;title\x07.txt", "evil\u202etxt.exe", "zero\u200bwidth", "a\ud800b", "\ufffe", "x" * 5000,
    "ü" * 300 + ".txt", "a." + "b" * 300, "result.last", "report.html", "last_1.dot", "a:stream", "a?b*c|d<e>f\"g",
    "trailing. . .", "cafe\u0301.txt", "ﬁle.txt", ".0123456789abcdef.tmp", "a.txt/", "%2e%2e%2fx", "$(reboot)",
    "`id`", "{{7*7}}", "<script>alert(1)</script>.html", "=cmd|'/c calc'!A1", "\u2028line", "💥.bin", "\u3000",
]  # fmt: skip


def test_hostile_names_stay_inside_the_bundle_and_touch_nothing_else(tmp_path: Path) -> None:
    surroundings = tmp_path / "home"
    (surroundings / "output").mkdir(parents=True)
    (surroundings / "outside.txt").write_text("mine")
    (surroundings / "output" / "outside.txt").write_text("mine too")
    before = tree_of(surroundings)
    output = {"artifacts": [{"name": name, "content": f"content {i}"} for i, name in enumerate(HOSTILE)]}
    generator = LastFileGenerator(surroundings / "output").with_graphs(False)
    generator.generate(alt_file({"a": ()}), [completed("a", output)], last_id="last_1")
    bundle = surroundings / "output" / "last_1"
    last_file = assert_whole(bundle)
    kept = last_file.get_all_artifacts()
    named = [name for name in HOSTILE if name.strip()]
    assert len(named) >= 50
    assert [(bundle / artifact.path).read_text() for artifact in kept] == [
        f"content {i}" for i, name in enumerate(HOSTILE) if name.strip()
    ]
    paths = [unicodedata.normalize("NFKC", artifact.path).casefold() for artifact in kept]
    assert len(set(paths)) == len(paths)
    after = {path: found for path, found in tree_of(surroundings).items() if not path.startswith("output/last_1")}
    assert after == before


@pytest.mark.parametrize("task_id", HOSTILE)
def test_hostile_task_ids_name_harmless_directories(task_id: str) -> None:
    assert_harmless(f"artifacts/{directory_name(task_id)}/x")


@given(st.text(max_size=300))
def test_any_name_becomes_a_harmless_one_that_stays_as_it_is(name: str) -> None:
    safe = safe_name(name)
    assert_harmless(f"artifacts/a/{safe}")
    assert safe_name(safe) == safe


@given(st.lists(st.text(alphabet="aAàÀfﬁ.gz-2", min_size=1, max_size=6), max_size=30))
def test_no_two_files_share_a_name_whatever_the_file_system_folds(names: list[str]) -> None:
    unique = UniqueNames([])
    taken = [unique.take(safe_name(name)) for name in names]
    both = [form for name in taken for form in (name, f"{name}.gz")]
    assert len({unicodedata.normalize("NFKC", form).casefold() for form in both}) == len(both)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("notes.txt", "notes.txt"),
        ("Übersicht 2026.pdf", "Übersicht 2026.pdf"),
        ("plots/first.png", "first.png"),
        ("a.tar.gz", "a.tar.gz"),
        ("x" * 200 + ".json", "x" * 115 + ".json"),
        ("nul.txt", "_nul.txt"),
        ("console.txt", "console.txt"),
    ],
)
def test_harmless_names_are_kept_and_others_stay_recognizable(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_a_second_file_of_a_name_gets_a_number_before_its_suffix() -> None:
    unique = UniqueNames(["there.txt"])
    assert [unique.take(name) for name in ("a.txt", "A.TXT", "a.txt", "there.txt", "a.txt.gz")] == [
        "a.txt", "A-2.TXT", "a-3.txt", "there-2.txt", "a.txt-2.gz",
    ]  # fmt: skip
