"""The .dot file: whole, and showing every text exactly as text."""

import subprocess
import xml.etree.ElementTree as ET

import pytest

from altlas_runner.last_file.graph import dot_text
from altlas_runner.last_file.visible_text import shortened, visible
from altlas_runner.statuses import TaskStatus
from tests.last_file.fabricate import alt_file, broken_diamond, completed, ended, gathered
from tests.needs import need_dot

HOSTILE_IDS = [
    'say "hi"', "back\\slash", "ends with \\", '\\"', "\\N \\G \\l \\r \\n", "two\nlines", "<b>bold</b>",
    "<<table></table>>", "&amp; &lt;b&gt; &#65;", "a & b", "}; n0 -> n1; {", '"]; evil [label="', "// no comment",
    "/* nor this */", "# 1", "übersicht 概要 🚀", "\u202eright to left\u202c", "nul\x00 bell\x07", "ملف", "a->b",
    "node", "graph", "n1", "{a|b}", "%s %d", "e\u0301", "-" * 300,
]  # fmt: skip


def drawn_texts(dot: str) -> list[str]:
    """What Graphviz shows."""
    drawn = subprocess.run(["dot", "-Tsvg"], input=dot.encode(), capture_output=True, check=True, timeout=30)
    return [
        "".join(element.itertext()) for element in ET.fromstring(drawn.stdout).iter("{http://www.w3.org/2000/svg}text")
    ]


def test_tasks_dependencies_and_statuses_are_all_there() -> None:
    dot = dot_text(gathered(*broken_diamond()))
    for edge in ("n0 -> n1;", "n0 -> n2;", "n1 -> n3;", "n2 -> n3;", "n3 -> n4;"):
        assert edge in dot
    assert dot.count(" -> ") == 5
    for label in ('"fetch\\ncompleted"', '"left\\nfailed"', '"join\\nskipped"'):
        assert f"label={label}" in dot


def test_the_legend_tells_statuses_apart_by_words_and_borders() -> None:
    statuses = list(TaskStatus)
    file = alt_file({status.value: () for status in statuses})
    dot = dot_text(gathered(file, [ended(status.value, status) for status in statuses]))
    looks = [line.split("[")[1].split(", label")[0] for line in dot.splitlines() if line.strip().startswith("legend_")]
    assert len(looks) == len(statuses)
    for status in statuses:
        assert f'"{status}: 1"' in dot
    for line in dot.splitlines():
        if line.strip().startswith("n") and "label=" in line and "node [" not in line:
            assert any(f"\\n{status}" in line for status in statuses), "each label says its status in words"


def test_hostile_ids_are_shown_by_graphviz_as_they_are() -> None:
    need_dot()
    file = alt_file(dict.fromkeys(HOSTILE_IDS, ()), title='<b>"title" \\N &amp;')
    texts = drawn_texts(dot_text(gathered(file, [completed(task) for task in HOSTILE_IDS])))
    for task_id in HOSTILE_IDS:
        shown = visible(shortened(task_id, 48))
        assert " ".join(shown.split()) in [" ".join(text.split()) for text in texts], task_id
    assert 'Result of <b>"title" \\N &amp;' in texts
    assert texts.count("completed") == len(HOSTILE_IDS), "one box for each task, and no other"


@pytest.mark.parametrize("task_id", HOSTILE_IDS)
def test_each_line_of_dot_text_is_one_statement_whatever_the_id(task_id: str) -> None:
    benign = dot_text(gathered(alt_file({"a": ()}), [completed("a")]))
    hostile = dot_text(gathered(alt_file({task_id: ()}), [completed(task_id)]))
    assert len(hostile.splitlines()) == len(benign.splitlines())


def test_a_large_graph_is_whole() -> None:
    count = 5000
    file = alt_file({f"t{i}": (f"t{i - 1}",) if i else () for i in range(count)})
    dot = dot_text(gathered(file, []))
    assert dot.count(" -> ") == count - 1
    assert f"n{count - 1} [" in dot
