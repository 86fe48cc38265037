"""`altlas-runner serve`: the HTTP service."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from altlas_runner.api_key import key_from_file
from altlas_runner.cli.logs import set_up_logging
from altlas_runner.cli.main import with_exit_codes
from altlas_runner.cli.run_options import find_handlers_here
from altlas_runner.config import LOG_LEVELS, PROTOCOLS, RunnerConfig
from altlas_runner.event_loop import run_to_end

__all__ = ["serve"]

_OF_THE_SERVER = (
    "host",
    "port",
    "allowed_hosts",
    "alt_root",
    "max_body_bytes",
    "max_tasks",
    "max_dependencies",
    "max_run_seconds",
    "max_running",
    "max_queued",
    "max_queued_bytes",
    "max_connections",
    "head_seconds",
    "body_seconds",
    "grace_seconds",
)


@click.command()
@click.option("--host", help="Address to listen on; any but loopback needs a token. Default: 127.0.0.1.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port; 0 takes a free one. Default: 8080.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, readable=False),
    help="File with the token that requests must show; also the environment variable RUNNER_SERVER_TOKEN.",
)
@click.option("--allowed-host", "allowed_hosts", multiple=True, help="Further name of this service; repeatable.")
@click.option(
    "--alt-root",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Directory below which requests may name ALT files; without it they may name none.",
)
@click.option("-o", "--output-dir", type=click.Path(path_type=Path, readable=False), help="Where bundles are made.")
@click.option(
    "-j", "--max-concurrency", "max_concurrent_tasks", type=click.IntRange(1), help="Attempts at one time, of all runs."
)
@click.option(
    "--protocol", "ai_protocol", type=click.Choice(PROTOCOLS), help="Wire format of the AI service; local needs none."
)
@click.option("--service-url", "ai_service_url", help="Base URL of the AI service.")
@click.option("--model", "ai_default_model", help="Model where neither task nor request names one.")
@click.option(
    "--handlers", metavar="MODULE:ATTRIBUTE", multiple=True, help="Python functions that do tasks; repeatable."
)
@click.option(
    "--journal/--no-journal",
    "journal",
    default=None,
    help="Write down what happens, so that runs that a crash interrupts can be resumed; on by default.",
)
@click.option("--graphs/--no-graphs", "generate_graphs", default=None, help="Draw the task graphs as PNG.")
@click.option("--max-running", type=click.IntRange(1), help="Runs at one time. Default: 64.")
@click.option("--max-queued", type=click.IntRange(0), help="Runs that may wait. Default: 1000.")
@click.option("--max-queued-bytes", type=click.IntRange(0), help="Their files and inputs together. Default: 67108864.")
@click.option("--max-run-seconds", type=click.FloatRange(0, min_open=True), help="Longest run. Default: 3600.")
@click.option("--max-tasks", type=click.IntRange(1), help="Most tasks of a run. Default: 20000.")
@click.option("--max-dependencies", type=click.IntRange(0), help="Most dependencies of a run. Default: 200000.")
@click.option("--max-body-bytes", type=click.IntRange(1), help="Longest body of a request. Default: 8388608.")
@click.option("--max-connections", type=click.IntRange(1), help="Connections at one time. Default: 1024.")
@click.option(
    "--head-seconds",
    type=click.FloatRange(0, min_open=True),
    help="For the head of a request. Default: 10.",
)
@click.option("--body-seconds", type=click.FloatRange(0, min_open=True), help="For the body of a request. Default: 30.")
@click.option(
    "--grace", "grace_seconds", type=click.FloatRange(0), help="Seconds that runs may go on after SIGTERM. Default: 30."
)
@click.option("--log-level", type=click.Choice(LOG_LEVELS), help="How much is logged.")
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path, readable=False), help="TOML file with settings of runs."
)
@with_exit_codes
def serve(token_file: Path | None, config_file: Path | None, handlers: tuple[str, ...], **settings: Any) -> None:
    """Serve runs over HTTP: POST /execute, /api/v1/…, a page at /, and /openapi.json, which describes it all.

    SIGTERM and Ctrl-C stop it: runs may go on for --grace seconds, their bundles are written; a second one cancels them
    at once.
    """
    given = {name: value for name, value in settings.items() if value not in (None, ())}
    if handlers:
        given["handlers"] = handlers
    of_the_server = {name: given.pop(name) for name in _OF_THE_SERVER if name in given}
    config = RunnerConfig(config_file=config_file, **given)
    set_up_logging(config.log_level)
    from altlas_runner.server import ServerConfig
    from altlas_runner.server import serve as serve_app

    if token_file is not None:
        of_the_server["token"] = key_from_file(token_file)
    elif os.environ.get("RUNNER_SERVER_TOKEN"):
        of_the_server["token"] = os.environ["RUNNER_SERVER_TOKEN"]
    server = ServerConfig(**of_the_server)
    find_handlers_here(config)
    run_to_end(serve_app(config, server, on_listening=_tell))


def _tell(url: str) -> None:
    click.echo(f"listening on {url}")
    sys.stdout.flush()
