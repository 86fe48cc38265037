"""The graph as a picture, made by Graphviz where its `dot` is installed."""

from __future__ import annotations

import subprocess

__all__ = ["TIME_LIMIT_SECONDS", "render_png"]

TIME_LIMIT_SECONDS = 5.0


def render_png(dot_text: str) -> tuple[bytes | None, str | None]:
    """Draw DOT text with Graphviz, in a limited time; a large graph should come collapsed (`for_picture`).

    Returns:
        The PNG and None; or None and the reason why there is no picture, with what helps.
    """
    from graphviz.backend import CalledProcessError, ExecutableNotFound
    from graphviz.backend.execute import run_check

    try:
        drawn = run_check(
            ["dot", "-Tpng"],
            input=dot_text.encode(),
            capture_output=True,
            quiet=True,
            timeout=TIME_LIMIT_SECONDS,
            start_new_session=True,  # Ctrl-C is for the run, not for its picture
        )
    except ExecutableNotFound:
        return None, "no picture of the graph: Graphviz is not installed (its command `dot` is not on the PATH)"
    except subprocess.TimeoutExpired:
        return None, f"no picture of the graph: dot took longer than {TIME_LIMIT_SECONDS:g} s; the .dot file has it"
    except CalledProcessError as error:
        reason = (error.stderr or b"").decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        return None, f"no picture of the graph: dot ended with {error.returncode}: {reason[0][:200]}"
    except OSError as error:
        return None, f"no picture of the graph: dot cannot be started: {error.strerror or error}"
    png: bytes = drawn.stdout
    return (png, None) if png else (None, "no picture of the graph: dot ended without writing one")
