"""The command line `altlas-runner`: thin commands that read input, call the library and map errors to exit codes."""

from altlas_runner.cli.main import main

__all__ = ["main"]
