"""One program that starts processes for all tests of durability, made once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.durability.command_line import CommandLine, command_line
from tests.durability.preloading import compiled


@pytest.fixture(scope="session")
def programs() -> CommandLine:
    """Starts the command line."""
    return command_line()


@pytest.fixture(scope="session")
def preloaded_programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """Starts the command line with the libraries of `preloaded/`, which do nothing until their variables are set."""
    libraries = [compiled(name) for name in ("failing", "recording", "jumping")]
    with CommandLine(tmp_path_factory.mktemp("preloaded"), preload=libraries) as started:
        yield started
