"""Where a key comes from when it does not stand in the environment: a file, or a program such as a keyring."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from pydantic import SecretStr

from altlas_runner.errors import ConfigurationError

__all__ = ["COMMAND_SECONDS", "key_from_command", "key_from_file"]

COMMAND_SECONDS = 30.0
"""How long a program may take to tell the key: a keyring may have to ask its owner first."""
_LONGEST_KEY = 64 * 1024


def key_from_file(path: Path) -> SecretStr:
    """The key in a file, without white space around it.

    Raises:
        ConfigurationError: the file cannot be read, or holds no key. What it holds is not shown.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST_KEY + 1)
    except OSError as error:
        raise ConfigurationError(f"the key file {path} cannot be read: {error.strerror}") from None
    return _key(content, f"the key file {path}")


def key_from_command(argv: Sequence[str]) -> SecretStr:
    """The key that a program prints, without white space around it. No shell is involved.

    Raises:
        ConfigurationError: the program is not there, fails, takes too long or prints no key. What it says is not shown.
    """
    program = argv[0]
    try:
        done = subprocess.run(  # noqa: S603 - the user's own program
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=COMMAND_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise ConfigurationError(f"the key command {program} did not end within {COMMAND_SECONDS:g} s") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its arguments cannot be passed"
        raise ConfigurationError(f"the key command {program} cannot be run: {reason}") from None
    if done.returncode:
        raise ConfigurationError(f"the key command {program} failed with exit code {done.returncode}")
    return _key(done.stdout, f"the key command {program}")


def _key(content: bytes, source: str) -> SecretStr:
    try:
        key = content.decode("utf-8").strip()
    except UnicodeDecodeError:
        key = ""
    if not key or len(content) > _LONGEST_KEY:
        raise ConfigurationError(f"{source} gives no key: one line of text is needed")
    return SecretStr(key)
