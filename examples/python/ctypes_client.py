"""Use the C library from Python with ctypes, as from any language with a foreign function interface.

A text that the library returns must be given back: its type here is c_void_p, because ctypes would turn a c_char_p into
bytes at once, and nobody could free it any more.
"""

import ctypes
import json
import sys
import tempfile

from altlas_runner import ffi

lib = ctypes.CDLL(sys.argv[1] if len(sys.argv) > 1 else str(ffi.library_path()))

TEXT_IN = ctypes.c_char_p
TEXT_OUT = ctypes.c_void_p
for name, result, arguments in [
    ("runner_init", ctypes.c_int, []),
    ("runner_get_last_error", TEXT_OUT, []),
    ("runner_free_string", None, [ctypes.c_void_p]),
    ("runner_parse_alt_file", ctypes.c_int, [TEXT_IN]),
    ("runner_add_task_result", ctypes.c_int, [TEXT_IN, TEXT_IN]),
    ("runner_generate_last_file", TEXT_OUT, [TEXT_IN, TEXT_IN]),
    ("runner_get_last_file_json", TEXT_OUT, [TEXT_IN]),
    ("runner_live_strings", ctypes.c_size_t, []),
    ("runner_cleanup", ctypes.c_int, []),
]:
    function = getattr(lib, name)
    function.restype = result
    function.argtypes = arguments


def take(pointer: int) -> str:
    """Copy a text of the library and give it back."""
    try:
        return ctypes.string_at(pointer).decode()
    finally:
        lib.runner_free_string(pointer)


def check(done: int | None) -> int:
    """Go on, or say why not."""
    if not done:
        raise RuntimeError(take(lib.runner_get_last_error()))
    return done


check(lib.runner_init())
try:
    flow = {
        "id": "flow",
        "title": "Two tasks",
        "tasks": [
            {"id": "task1", "description": "First task"},
            {"id": "task2", "description": "Second task", "dependencies": ["task1"]},
        ],
    }
    results = [
        {"task_id": "task1", "status": "completed", "output": {"text": "Task 1 output"}},
        {"task_id": "task2", "status": "failed", "error": "Task 2 failed"},
    ]
    check(lib.runner_parse_alt_file(json.dumps(flow).encode()))
    for task_result in results:
        check(lib.runner_add_task_result(b"flow", json.dumps(task_result).encode()))
    with tempfile.TemporaryDirectory() as output_dir:
        last_id = take(check(lib.runner_generate_last_file(b"flow", output_dir.encode())))
        last_file = json.loads(take(check(lib.runner_get_last_file_json(last_id.encode()))))
    print(f"{last_id}: {last_file['status']}, {last_file['success_rate']:.0%} completed")
    print(f"{lib.runner_live_strings()} strings left")
finally:
    lib.runner_cleanup()
