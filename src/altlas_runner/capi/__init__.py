"""The Python side of libaltlas_runner: what the exported C functions do. `include/altlas_runner.h` is the authority."""

from altlas_runner.capi.binding import bind

__all__ = ["bind"]
