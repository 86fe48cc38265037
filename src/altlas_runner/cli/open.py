"""`altlas-runner open`: look at the report of a bundle."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path

import click

from altlas_runner.cli.bundle_source import bundle_argument, read_bundle
from altlas_runner.cli.main import with_exit_codes
from altlas_runner.errors import BundleError
from altlas_runner.last_file.bundle import REPORT_NAME

__all__ = ["open_report"]


@click.command("open")
@bundle_argument()
@with_exit_codes
def open_report(bundle: Path) -> None:
    """Open the report of BUNDLE in a browser, and print where it is. BROWSER says which one."""
    directory = read_bundle(bundle).directory
    if directory is None:
        raise BundleError("stdin", "it has no report to open: name the bundle")
    report = directory.resolve() / REPORT_NAME
    if not report.is_file():
        raise BundleError(report, f"there is no report; make it with: altlas-runner report {bundle}")
    click.echo(str(report))
    if not _has_screen() or not webbrowser.open(report.as_uri()):
        click.echo("no browser to open it with; its path is above", err=True)


def _has_screen() -> bool:
    """Whether a browser would show anything: one that takes over the terminal is not what is meant."""
    variables = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform == "darwin" or any(os.environ.get(variable) for variable in variables)
