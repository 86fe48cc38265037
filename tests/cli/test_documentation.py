"""No command is a secret: each stands in the README or in docs/, and says itself what it does."""

from pathlib import Path

import click
import pytest

from altlas_runner.cli.main import all_commands

ROOT = Path(__file__).parent.parent.parent
PAGES = "\n".join(
    page.read_text(encoding="utf-8") for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
)


@pytest.mark.parametrize("command", all_commands(), ids=lambda command: str(command.name))
def test_the_command_is_documented(command: click.Command) -> None:
    assert f"altlas-runner {command.name}" in PAGES
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{command.name} {parameter.opts[-1]} has no help"
