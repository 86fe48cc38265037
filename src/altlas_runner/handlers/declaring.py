"""How a function becomes a handler: `@handler`, and what is known of each."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from altlas_runner.errors import ConfigurationError
from altlas_runner.handlers.context import HandlerContext
from altlas_runner.handlers.places import FunctionPlace, place_of

__all__ = ["Handler", "HandlerFunction", "handler", "mark_of"]

HandlerFunction = Callable[[HandlerContext], Any]
"""Takes the context; returns any JSON, an `Outcome`, or (async) an awaitable of either."""

F = TypeVar("F", bound=HandlerFunction)

_MARK = "__altlas_handler__"


@dataclass(frozen=True, slots=True)
class Mark:
    """What `@handler` leaves on a function."""

    name: str
    process: bool


def handler(name: str, *, process: bool = False) -> Callable[[F], F]:
    """Declare a function as the handler of tasks whose `parameters.task_type` is this name.

    An async function runs in the event loop, a plain one in a thread. The function itself stays as it is.

    Args:
        name: the task type.
        process: run it in a process of its own, which a deadline or a cancel kills: for work that keeps a CPU busy.
            The function must stand at the top level of a module or of a script.

    Example:
        >>> @handler("add")
        ... def add(context: HandlerContext) -> int:
        ...     return sum(context.parameters["numbers"])
    """
    if not isinstance(name, str) or not name.strip():
        raise ConfigurationError(f"the name of a handler is a text that is not empty, not {name!r}")

    def declare(function: F) -> F:
        Handler.of(name, function, process=process)  # says now what is wrong with it
        setattr(function, _MARK, Mark(name, process))
        return function

    return declare


def mark_of(function: object) -> Mark | None:
    """What `@handler` said of a function, or None."""
    mark = getattr(function, _MARK, None)
    return mark if isinstance(mark, Mark) else None


@dataclass(frozen=True, slots=True)
class Handler:
    """A function that does the tasks of one type.

    Attributes:
        name: the task type.
        function: what is called with the context.
        runs_in: the event loop, a thread, or a process of its own.
    """

    name: str
    function: HandlerFunction
    runs_in: Literal["loop", "thread", "process"]

    @classmethod
    def of(cls, name: str, function: Any, *, process: bool | None = None) -> Handler:
        """The handler of this name.

        Args:
            name: the task type.
            function: what does the tasks.
            process: as in `@handler`; None takes what `@handler` said.

        Raises:
            ConfigurationError: it cannot be called with a context, or cannot run in a process.
        """
        if not callable(function):
            raise ConfigurationError(f'the handler "{name}" is a {type(function).__name__}, not a function')
        try:
            inspect.signature(function).bind(None)
        except TypeError:
            raise ConfigurationError(f'the handler "{name}" must be callable with one argument, the context') from None
        except ValueError:  # built-in functions may have no signature
            pass
        mark = mark_of(function)
        if process is None:
            process = mark is not None and mark.process
        is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)
        if process and is_async:
            raise ConfigurationError(
                f'the handler "{name}" is async and cannot run in a process: make it a plain function, '
                "or leave out process=True"
            )
        return cls(name, function, "process" if process else "loop" if is_async else "thread")

    def place(self) -> FunctionPlace:
        """Where another process finds the function.

        Raises:
            ConfigurationError: it is not at the top level of a module or a script.
        """
        return place_of(self.function, self.name)
