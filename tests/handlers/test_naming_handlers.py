"""Handlers are given as functions, named `module:attribute`, or offered by installed packages."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from altlas_runner import ConfigurationError, HandlerContext, RunnerConfig, handler
from altlas_runner.handlers import collect_handlers, installed_handlers
from tests.handlers import functions

MODULE = """
from altlas_runner import handler

@handler("resize")
def make_smaller(context): return "small"

def rotate(context): return "turned"

many = {"flip": rotate, "crop": lambda context: "cropped"}
listed = [make_smaller]

class Kit:
    blur = staticmethod(rotate)

number = 5
def takes_nothing(): pass
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "pictures.py").write_text(MODULE)
    (tmp_path / "broken_pictures.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("pictures", "broken_pictures"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("reference", "names"),
    [
        ("pictures:make_smaller", ["resize"]),
        ("pictures:rotate", ["rotate"]),
        ("pictures:many", ["flip", "crop"]),
        ("pictures:listed", ["resize"]),
        ("pictures:Kit.blur", ["blur"]),
    ],
)
@pytest.mark.usefixtures("module")
def test_an_attribute_is_a_function_or_a_dict_or_a_list_of_them(reference: str, names: list[str]) -> None:
    assert list(collect_handlers([reference])) == names


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ("pictures", "write module:attribute, such as"),
        (":resize", "write module:attribute"),
        ("pictures:", "write module:attribute"),
        ("no_such_module:x", "the module no_such_module cannot be imported: ModuleNotFoundError"),
        ("broken_pictures:x", "the module broken_pictures cannot be imported: ZeroDivisionError"),
        ("pictures:rotato", 'there is no rotato in pictures; did you mean "rotate"?'),
        ("pictures:number", 'the handler "number" is a int, not a function'),
        ("pictures:takes_nothing", 'the handler "takes_nothing" must be callable with one argument, the context'),
        ("..:x", "cannot be imported"),
    ],
)
@pytest.mark.usefixtures("module")
def test_a_reference_that_leads_to_no_handler_is_named_with_the_reason(reference: str, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        collect_handlers([reference])
    assert f'handlers "{reference}": ' in str(caught.value)
    assert text in str(caught.value)


@pytest.mark.usefixtures("module")
def test_two_handlers_of_one_name_are_refused_and_one_named_twice_is_not() -> None:
    assert list(collect_handlers(["pictures:make_smaller", "pictures:listed"])) == ["resize"]

    @handler("resize")
    def other(context: HandlerContext) -> None: ...

    with pytest.raises(
        ConfigurationError, match=r'two handlers have the name "resize": pictures:make_smaller and .*other'
    ):
        collect_handlers(["pictures:make_smaller", other])


@pytest.mark.parametrize("source", ["pictures:rotate", 5, [print], {"a": 5}, {5: print}, {"a": lambda: 1}])
def test_what_cannot_be_handlers_is_refused(source: Any) -> None:
    with pytest.raises(ConfigurationError):
        collect_handlers(source)


@pytest.mark.parametrize("name", ["", "  ", None, print])
def test_a_handlers_name_is_a_text_that_is_not_empty(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="the name of a handler is a text that is not empty"):
        handler(name)


def test_the_decorator_leaves_the_function_as_it_is() -> None:
    def plain(context: HandlerContext) -> int:
        return 5

    assert handler("plain")(plain) is plain


def test_a_dict_names_handlers_anew_and_keeps_where_they_run() -> None:
    found = collect_handlers({"sum": functions.add})
    assert (found["sum"].name, found["sum"].runs_in) == ("sum", "process")


def install(directory: Path, package: str, lines: str) -> None:
    """Put a package with entry points where Python finds it."""
    metadata = directory / f"{package}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[altlas_runner.handlers]\n{lines}\n")


@pytest.mark.usefixtures("module")
def test_installed_packages_offer_handlers_and_only_needed_ones_are_imported(tmp_path: Path) -> None:
    install(tmp_path, "pictures-plugin", "turn = pictures:rotate\nbroken = broken_pictures:x")
    assert list(installed_handlers({"turn", "unknown"})) == ["turn"]
    assert installed_handlers(()) == {}
    with pytest.raises(ConfigurationError, match="broken_pictures cannot be imported"):
        installed_handlers({"broken"})


@pytest.mark.usefixtures("module")
def test_two_packages_that_offer_the_same_name_are_refused(tmp_path: Path) -> None:
    install(tmp_path, "one", "turn = pictures:rotate")
    install(tmp_path, "two", "turn = pictures:make_smaller")
    with pytest.raises(ConfigurationError, match='two installed packages offer the handler "turn"'):
        installed_handlers({"turn"})


@pytest.mark.parametrize("text", ["a.b:c,d:e", "a.b:c d:e", " a.b:c , d:e "])
def test_the_environment_variable_lists_references(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNER_HANDLERS", text)
    assert RunnerConfig().handlers == ("a.b:c", "d:e")
    assert RunnerConfig(handlers=["f:g"]).handlers == ("f:g",)


def test_commands_are_off_unless_they_are_turned_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert RunnerConfig().allow_commands is False
    monkeypatch.setenv("RUNNER_ALLOW_COMMANDS", "true")
    assert RunnerConfig().allow_commands is True
