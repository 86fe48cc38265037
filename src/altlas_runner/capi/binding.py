"""The border: pointers of C become values of Python here, and exceptions become error texts. Nothing raises past it."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

from altlas_runner.capi.library import Library
from altlas_runner.errors import AltlasRunnerError

__all__ = ["bind"]

_FAILED = 0
_DONE = 1


def bind(ffi: Any, lib: Any) -> None:
    """Implement what C calls. `ffi` and `lib` are those of the module that cffi compiled into the library."""
    if lib.altlas_python_is_ours():
        _be_silent()
    library = Library()
    string, null = ffi.string, ffi.NULL

    def text(pointer: Any, name: str) -> str:
        try:
            return str(string(pointer), "utf-8")
        except UnicodeDecodeError as error:
            raise AltlasRunnerError(f"{name} is not UTF-8: byte {error.start} does not fit") from None

    def directory(pointer: Any) -> str:
        name = text(pointer, "output_dir")
        if not name:
            raise AltlasRunnerError("output_dir is empty; . is the current directory")
        return name

    def options(pointer: Any) -> bytes | None:
        return None if pointer == null else bytes(string(pointer))

    def given(value: str | bytes) -> Any:
        """A text that the caller owns."""
        encoded = value.encode() if isinstance(value, str) else value
        pointer = lib.altlas_new_string(encoded, len(encoded))
        if pointer == null:
            raise MemoryError
        return pointer

    def explain(error: BaseException) -> None:
        reason = error_text(error).encode("utf-8", "replace")
        lib.altlas_set_error(reason, len(reason))
        if isinstance(error, KeyboardInterrupt):
            lib.altlas_pass_interrupt_on()

    def export(failure: Any) -> Callable[[Callable[..., Any]], None]:
        """Let C call the function of this name; when it raises, C gets `failure` and the thread its error text."""

        def decorate(function: Callable[..., Any]) -> None:
            @wraps(function)
            def guarded(*arguments: Any) -> Any:
                try:
                    return function(*arguments)
                except (
                    BaseException
                ) as error:  # SystemExit and KeyboardInterrupt too: a host must not be ended from here
                    explain(error)
                    return failure

            def last_resort(kind: Any, error: BaseException, traceback: Any) -> None:
                explain(error)

            ffi.def_extern(name=function.__name__, error=failure, onerror=last_resort)(guarded)

        return decorate

    @export(_FAILED)
    def py_runner_init() -> int:
        library.forget()
        return _DONE

    @export(_FAILED)
    def py_runner_cleanup() -> int:
        library.forget()
        _flush()
        return _DONE

    @export(_FAILED)
    def py_runner_parse_alt_file(json: Any) -> int:
        library.parse_alt_file(string(json))
        return _DONE

    @export(null)
    def py_runner_validate_alt_file(json: Any) -> Any:
        return given(library.validate_alt_file(string(json)))

    @export(_FAILED)
    def py_runner_add_task_result(alt_id: Any, json: Any) -> int:
        library.add_task_result(text(alt_id, "alt_id"), string(json))
        return _DONE

    @export(null)
    def py_runner_generate_last_file(alt_id: Any, output_dir: Any) -> Any:
        return given(library.generate_last_file(text(alt_id, "alt_id"), directory(output_dir)))

    @export(null)
    def py_runner_get_last_file_json(last_id: Any) -> Any:
        return given(library.get_last_file_json(text(last_id, "last_id")))

    @export(null)
    def py_runner_batch_process(alt_ids_json: Any, output_dir: Any) -> Any:
        return given(library.batch_process(string(alt_ids_json), directory(output_dir)))

    def execute(alt_id: Any, options_json: Any, output_dir: Any, **host: Any) -> Any:
        try:
            last_id = library.execute_alt_file(
                text(alt_id, "alt_id"), options(options_json), directory(output_dir), **host
            )
        finally:
            _flush()
        return given(last_id)

    @export(null)
    def py_runner_execute_alt_file(alt_id: Any, options_json: Any, output_dir: Any) -> Any:
        return execute(alt_id, options_json, output_dir)

    @export(null)
    def py_runner_execute_alt_file_with_progress(
        alt_id: Any, options_json: Any, output_dir: Any, on_event: Any, user_data: Any
    ) -> Any:
        def tell(event_json: bytes) -> bool:
            return bool(on_event(event_json, user_data) == 0)

        return execute(alt_id, options_json, output_dir, on_event=tell)

    @export(null)
    def py_runner_execute_alt_file_with_executor(
        alt_id: Any, options_json: Any, output_dir: Any, attempt: Any, free_outcome: Any, user_data: Any
    ) -> Any:
        def host_task(attempt_json: bytes) -> bytes | None:
            outcome = attempt(attempt_json, user_data)
            if outcome == null:
                return None
            try:
                return bytes(string(outcome))
            finally:
                if free_outcome != null:
                    free_outcome(outcome, user_data)

        return execute(alt_id, options_json, output_dir, host_task=host_task)


def error_text(error: BaseException) -> str:
    """The reason in words, fit for a text of C."""
    if isinstance(error, AltlasRunnerError):
        reason = str(error)
    elif isinstance(error, MemoryError):
        reason = "there is no memory"
    elif isinstance(error, KeyboardInterrupt):
        reason = "interrupted: the run was ended and left no bundle"
    else:
        reason = f"{type(error).__name__}: {error}"
    return reason.replace("\0", "\\u0000")


def _be_silent() -> None:
    """A library prints nothing that it was not asked for; what concerns a run is in its events and its LAST file."""
    logging.lastResort = logging.NullHandler()
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda unraisable: None
    threading.excepthook = lambda arguments: None


def _flush() -> None:
    """Python does this at its end, which never comes here."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # closed, or not there at all
            continue
