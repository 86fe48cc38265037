"""The header is the authority: cffi's definitions are cut from it, and it says what a C programmer must know."""

import re
from pathlib import Path

import pytest
from cffi import FFI

import definitions
from altlas_runner import __version__

ROOT = Path(__file__).parents[2]
HEADER = (ROOT / "include" / "altlas_runner.h").read_text()
PAGE = (ROOT / "docs" / "c-library.md").read_text()
FUNCTIONS = definitions.exported(HEADER)
ORIGINAL = {
    "runner_init": "int runner_init(void)",
    "runner_get_last_error": "char *runner_get_last_error(void)",
    "runner_free_string": "void runner_free_string(char *text)",
    "runner_parse_alt_file": "int runner_parse_alt_file(const char *json)",
    "runner_add_task_result": "int runner_add_task_result(const char *alt_id, const char *json)",
    "runner_generate_last_file": "char *runner_generate_last_file(const char *alt_id, const char *output_dir)",
    "runner_get_last_file_json": "char *runner_get_last_file_json(const char *last_id)",
    "runner_batch_process": "char *runner_batch_process(const char *alt_ids_json, const char *output_dir)",
    "runner_cleanup": "int runner_cleanup(void)",
    "runner_get_version": "char *runner_get_version(void)",
}


def test_the_ten_functions_of_the_original_have_their_prototypes() -> None:
    assert {name: FUNCTIONS[name] for name in ORIGINAL} == ORIGINAL


def test_every_declaration_reaches_cffi_or_is_done_in_c() -> None:
    assert len(FUNCTIONS) == HEADER.count("\nRUNNER_API ") == 16
    cdef = definitions.cdef(HEADER)
    FFI().cdef(cdef)  # cffi understands it
    for name in FUNCTIONS:
        assert (f"py_{name}(" in cdef) == (name not in definitions.DONE_IN_C)
    assert set(FUNCTIONS) >= definitions.DONE_IN_C


def test_a_changed_declaration_changes_what_cffi_is_told() -> None:
    changed = HEADER.replace(
        "runner_parse_alt_file(const char *json)", "runner_parse_alt_file(const char *json, int x)"
    )
    assert "py_runner_parse_alt_file(const char *json, int x)" in definitions.cdef(changed)
    assert "py_runner_parse_alt_file(const char *json, int x);" in definitions.declarations(changed)


def test_the_versions_of_header_and_package_are_equal() -> None:
    assert definitions.header_version(HEADER) == __version__
    numbers = [re.search(rf"#define RUNNER_VERSION_{part} (\d+)", HEADER) for part in ("MAJOR", "MINOR", "PATCH")]
    assert ".".join(number[1] for number in numbers if number) == __version__
    with pytest.raises(ValueError, match="RUNNER_VERSION"):
        definitions.header_version("")


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_is_explained_in_the_header_and_on_its_page(name: str) -> None:
    """Right before its declaration, and a text that it returns has an owner."""
    before = HEADER[: HEADER.index(FUNCTIONS[name].split("(")[0] + "(")].removesuffix("RUNNER_API ")
    assert before.rstrip().endswith("*/")
    comment = before[before.rindex("/*") :]
    if FUNCTIONS[name].startswith("char *"):
        assert "the caller frees" in comment or "As runner_execute_alt_file()" in " ".join(comment.split())
    assert name in PAGE


def test_inputs_are_const_and_empty_parameter_lists_explicit() -> None:
    for prototype in FUNCTIONS.values():
        assert "()" not in prototype
        for parameter in prototype.partition("(")[2].removesuffix(")").split(", "):
            if "char *" in parameter and "text" not in parameter:
                assert parameter.startswith("const char *"), prototype
