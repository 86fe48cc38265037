"""What cffi is told, cut from include/altlas_runner.h: the header is the authority, so the two cannot part."""

from __future__ import annotations

import re

__all__ = ["DONE_IN_C", "cdef", "declarations", "exported", "header_version"]

DONE_IN_C = frozenset(
    {
        "runner_free_string",
        "runner_get_last_error",
        "runner_get_version",
        "runner_live_strings",
        "runner_version_number",
    }
)
"""The exported functions that need no Python."""

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_TYPEDEF = re.compile(r"^typedef [^;]+;", re.MULTILINE)
_FUNCTION = re.compile(r"^RUNNER_API ([^;]*?\b(runner_\w+)\([^;]*\));", re.MULTILINE)
_VERSION = re.compile(r'^#define RUNNER_VERSION "([^"]+)"$', re.MULTILINE)

_FOR_PYTHON = """
char *altlas_new_string(const char *text, size_t length);
void altlas_set_error(const char *text, size_t length);
void altlas_pass_interrupt_on(void);
bool altlas_python_is_ours(void);
"""


def exported(header: str) -> dict[str, str]:
    """The prototype of every function that the header declares, by name."""
    return {name: " ".join(prototype.split()) for prototype, name in _FUNCTION.findall(_COMMENT.sub("", header))}


def header_version(header: str) -> str:
    """The version that the header says it has."""
    found = _VERSION.search(header)
    if found is None:
        raise ValueError("altlas_runner.h does not define RUNNER_VERSION")
    return found[1]


def cdef(header: str) -> str:
    """The types of the header, the functions that Python implements, and what Python calls in C."""
    types = "\n".join(_TYPEDEF.findall(_COMMENT.sub("", header)))
    functions = "".join(f"    {prototype};\n" for prototype in _in_python(header))
    return f'{types}\nextern "Python" {{\n{functions}}}\n{_FOR_PYTHON}'


def declarations(header: str) -> str:
    """The same functions as C declares them before they are used."""
    return "".join(f"static {prototype};\n" for prototype in _in_python(header))


def _in_python(header: str) -> list[str]:
    return [
        prototype.replace(f"{name}(", f"py_{name}(")
        for name, prototype in exported(header).items()
        if name not in DONE_IN_C
    ]
