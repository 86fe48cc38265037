"""The library inside this Python, through ctypes: for tests of what its functions mean."""

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROGRESS = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
TASK = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
FREE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)

IN = ctypes.c_char_p
OUT = ctypes.c_void_p
DATA = ctypes.c_void_p
PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "runner_init": (ctypes.c_int, []),
    "runner_get_last_error": (OUT, []),
    "runner_free_string": (None, [OUT]),
    "runner_parse_alt_file": (ctypes.c_int, [IN]),
    "runner_add_task_result": (ctypes.c_int, [IN, IN]),
    "runner_generate_last_file": (OUT, [IN, IN]),
    "runner_get_last_file_json": (OUT, [IN]),
    "runner_batch_process": (OUT, [IN, IN]),
    "runner_cleanup": (ctypes.c_int, []),
    "runner_get_version": (OUT, []),
    "runner_validate_alt_file": (OUT, [IN]),
    "runner_execute_alt_file": (OUT, [IN, IN, IN]),
    "runner_execute_alt_file_with_progress": (OUT, [IN, IN, IN, PROGRESS, DATA]),
    "runner_execute_alt_file_with_executor": (OUT, [IN, IN, IN, TASK, FREE, DATA]),
    "runner_live_strings": (ctypes.c_size_t, []),
    "runner_version_number": (ctypes.c_int, []),
}


class CallFailedError(Exception):
    """A function returned 0 or NULL; the text is that of `runner_get_last_error`."""


class Client:
    """Calls a function with texts; returns the text that it gives, or raises with the last error."""

    def __init__(self, path: Path) -> None:
        self.lib = ctypes.CDLL(str(path))
        for name, (result, arguments) in PROTOTYPES.items():
            function = getattr(self.lib, name)
            function.restype = result
            function.argtypes = arguments

    def __call__(self, name: str, *arguments: object) -> str:
        given = [argument.encode() if isinstance(argument, str) else argument for argument in arguments]
        done = getattr(self.lib, f"runner_{name}")(*given)
        if not done:
            raise CallFailedError(self.error())
        return self.take(done) if PROTOTYPES[f"runner_{name}"][0] is OUT else ""

    def take(self, pointer: int) -> str:
        text = ctypes.string_at(pointer).decode()
        self.lib.runner_free_string(pointer)
        return text

    def error(self) -> str:
        return self.take(self.lib.runner_get_last_error())


class HostTasks:
    """A host's callbacks: outcomes come from a function of the attempt's JSON, and must be freed."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self.freed = 0
        self._kept: dict[int, Any] = {}
        self.execute = TASK(self._execute)
        self.free = FREE(self._free)
        self._answer = answer

    def _execute(self, attempt_json: bytes, _: object) -> int:
        outcome = ctypes.create_string_buffer(self._answer(attempt_json))
        address = ctypes.addressof(outcome)
        self._kept[address] = outcome
        return address

    def _free(self, address: int, _: object) -> None:
        del self._kept[address]
        self.freed += 1

    @property
    def unfreed(self) -> int:
        return len(self._kept)
