"""The group of all commands, and the one place that maps errors to exit codes."""

from __future__ import annotations

import functools
import io
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import click

from altlas_runner import __version__
from altlas_runner.cli.diagnostics import Checked, print_diagnostics
from altlas_runner.cli.source import UnusableFileError
from altlas_runner.errors import AltlasRunnerError, AltParseError, BundleError, ConfigurationError
from altlas_runner.last_file.visible_text import visible

__all__ = [
    "EXIT_BUNDLE",
    "EXIT_INCOMPLETE",
    "EXIT_INTERRUPTED",
    "EXIT_INVALID",
    "EXIT_STOPPED",
    "EXIT_USAGE",
    "all_commands",
    "cli",
    "fail",
    "main",
    "with_exit_codes",
]

EXIT_INCOMPLETE = 1
EXIT_USAGE = 2
EXIT_INVALID = 3
EXIT_BUNDLE = 4
EXIT_STOPPED = 5
EXIT_INTERRUPTED = 130


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 fine; 1 some task did not complete; 2 usage or configuration; 3 the ALT file is not valid; "
    "4 a bundle cannot be read or written; 5 stopped by a budget or the run's own deadline; 130 interrupted (after 5 "
    "and 130 the bundle is still written).",
)
@click.version_option(__version__, prog_name="altlas-runner")
@click.pass_context
def cli(context: click.Context) -> None:
    """Check ALT files, run their tasks, write LAST bundles.

    Results go to stdout, progress and diagnostics to stderr. `-` as a file is stdin.
    """
    if os.environ.get("NO_COLOR"):
        context.color = False


def fail(code: int, message: str) -> NoReturn:
    """End the command with a message on stderr."""
    click.echo(f"error: {visible(message)}", err=True)
    sys.exit(code)


def with_exit_codes(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turn the library's exceptions into messages on stderr and the exit codes of the contract."""

    @functools.wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except UnusableFileError as error:
            print_diagnostics([error.checked])
            sys.exit(EXIT_INVALID)
        except AltParseError as error:  # not from reading a file: a run that is refused, a file that cannot be written
            print_diagnostics([Checked(str(kwargs.get("alt_file", "")), error.diagnostics)])
            sys.exit(EXIT_INVALID)
        except ConfigurationError as error:
            fail(EXIT_USAGE, str(error))
        except BundleError as error:
            fail(EXIT_BUNDLE, str(error))
        except AltlasRunnerError as error:
            fail(EXIT_USAGE, str(error))
        except BrokenPipeError:
            raise
        except OSError as error:  # stdout or a file named on the command line
            fail(EXIT_BUNDLE, str(error))

    return guarded


def main() -> None:
    """Entry point of the command `altlas-runner`."""
    try:
        _main()
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


def all_commands() -> list[click.Command]:
    """Every command, each imported now."""
    from altlas_runner.cli.batch import batch
    from altlas_runner.cli.convert import convert
    from altlas_runner.cli.diff import diff
    from altlas_runner.cli.explain import explain
    from altlas_runner.cli.export import export
    from altlas_runner.cli.graph import graph
    from altlas_runner.cli.init import init
    from altlas_runner.cli.merge import merge
    from altlas_runner.cli.open import open_report
    from altlas_runner.cli.plan import plan
    from altlas_runner.cli.prune import prune
    from altlas_runner.cli.report import report
    from altlas_runner.cli.resume import resume
    from altlas_runner.cli.run import run
    from altlas_runner.cli.runs import runs
    from altlas_runner.cli.schema import schema
    from altlas_runner.cli.serve import serve
    from altlas_runner.cli.show import show
    from altlas_runner.cli.validate import validate

    return [
        run,
        resume,
        runs,
        prune,
        batch,
        validate,
        explain,
        plan,
        graph,
        convert,
        merge,
        show,
        report,
        diff,
        export,
        open_report,
        serve,
        schema,
        init,
    ]


def _main() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what a stream cannot say must not end the command
    for command in all_commands():
        cli.add_command(command)
    cli(prog_name="altlas-runner")
