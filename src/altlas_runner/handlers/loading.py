"""Handlers by name: from functions, from `module:attribute`, from installed packages."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import Any

from altlas_runner.alt_file.spelling import Spelling
from altlas_runner.errors import ConfigurationError
from altlas_runner.handlers.declaring import Handler, HandlerFunction, mark_of

__all__ = ["ENTRY_POINT_GROUP", "HandlerSource", "collect_handlers", "installed_handlers"]

ENTRY_POINT_GROUP = "altlas_runner.handlers"
"""Installed packages offer handlers here; the name of an entry point is the task type."""

HandlerSource = Mapping[str, HandlerFunction | Handler] | Iterable[HandlerFunction | str]
"""Functions by task type; or a list of functions that `@handler` named and of texts `module:attribute`."""


def collect_handlers(source: HandlerSource | None) -> dict[str, Handler]:
    """The handlers of a source, by task type.

    Raises:
        ConfigurationError: one of them cannot be found or is no handler, or two have the same name.
    """
    if source is None:
        return {}
    if isinstance(source, Mapping):
        return {name: each if isinstance(each, Handler) else _named(name, each) for name, each in source.items()}
    if isinstance(source, str) or not isinstance(source, Iterable):
        raise ConfigurationError(f"handlers are a dict of functions by task type, or a list, not {source!r}")
    found: dict[str, Handler] = {}
    for each in source:
        named = _load(each) if isinstance(each, str) else _marked(each)
        for name, one in named.items():
            if name in found and found[name].function is not one.function:
                raise ConfigurationError(
                    f'two handlers have the name "{name}": {_place(found[name].function)} and {_place(one.function)}'
                )
        found |= named
    return found


def installed_handlers(names: Iterable[str]) -> dict[str, Handler]:
    """The handlers that installed packages offer for these task types; only what is needed is imported.

    Raises:
        ConfigurationError: a package offers something that cannot be imported or is no handler, or two packages offer
            the same.
    """
    from importlib.metadata import entry_points  # heavy, and seldom needed

    wanted = set(names)
    offered: dict[str, Any] = {}
    for point in entry_points(group=ENTRY_POINT_GROUP) if wanted else ():
        if point.name in wanted:
            if point.name in offered and offered[point.name].value != point.value:
                raise ConfigurationError(
                    f'two installed packages offer the handler "{point.name}": '
                    f"{offered[point.name].value} and {point.value}"
                )
            offered[point.name] = point
    return {name: _named(name, _import(point.value)) for name, point in offered.items()}


def _load(reference: str) -> dict[str, Handler]:
    """The handlers that `module:attribute` stands for: a function, or a dict or list of functions."""
    thing = _import(reference)
    try:
        if isinstance(thing, Mapping | list | tuple):
            return collect_handlers(thing)
        if mark_of(thing) is not None:
            return _marked(thing)
        return {(name := reference.rpartition(":")[2].rpartition(".")[2]): _named(name, thing)}
    except ConfigurationError as error:
        raise ConfigurationError(f'handlers "{reference}": {error}') from error


def _import(reference: str) -> Any:
    module_name, colon, attribute = reference.strip().partition(":")
    if not colon or not module_name or not attribute:
        raise ConfigurationError(f'handlers "{reference}": write module:attribute, such as my_package.handlers:resize')
    try:
        thing: Any = importlib.import_module(module_name)
    except Exception as error:  # a foreign module may raise anything
        raise ConfigurationError(
            f'handlers "{reference}": the module {module_name} cannot be imported: {type(error).__name__}: {error}'
        ) from error
    for part in attribute.split("."):
        try:
            thing = getattr(thing, part)
        except AttributeError:
            help_text = Spelling(vars(thing) if hasattr(thing, "__dict__") else ()).help(part)
            raise ConfigurationError(
                f'handlers "{reference}": there is no {part} in {module_name}' + (f"; {help_text}" if help_text else "")
            ) from None
    return thing


def _marked(function: Any) -> dict[str, Handler]:
    mark = mark_of(function)
    if mark is None:
        raise ConfigurationError(f"{_place(function)} has no name as a handler: write @handler(…) above it")
    return {mark.name: Handler.of(mark.name, function)}


def _named(name: Any, function: Any) -> Handler:
    if not isinstance(name, str):
        raise ConfigurationError(f"the name of a handler is a text, not {name!r}")
    return Handler.of(name, function)


def _place(function: Any) -> str:
    name = getattr(function, "__qualname__", None)
    return repr(function) if name is None else f"{function.__module__}:{name}"
