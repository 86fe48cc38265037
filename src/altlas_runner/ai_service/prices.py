"""What tokens cost, by a table that the user gives. Pure but for reading the file."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from altlas_runner.errors import ConfigurationError
from altlas_runner.results import Usage

__all__ = ["Price", "PriceTable"]

TOKENS_PER_PRICE = 1_000_000

_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Price(BaseModel):
    """What a million tokens of a model cost, in the currency of the table."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    input: _Amount
    """A million tokens sent."""
    output: _Amount
    """A million tokens received."""


_Prices = TypeAdapter(dict[Annotated[str, Field(min_length=1)], Price])


class PriceTable:
    """Prices by model. A name may hold `*` and `?`; the exact name wins, then the longest pattern that fits.

    Args:
        prices: by model.

    Example:
        >>> table = PriceTable({"small-*": Price(input=0.1, output=0.4)})
        >>> table.priced(Usage(1_000_000, 500_000), "small-2026").cost, table.priced(Usage(10, 1), "large").cost
        (0.3, None)
    """

    def __init__(self, prices: Mapping[str, Price]) -> None:
        self._exact = {name: price for name, price in prices.items() if "*" not in name and "?" not in name}
        patterns = prices.keys() - self._exact.keys()
        self._patterns = [(name, prices[name]) for name in sorted(patterns, key=lambda name: (-len(name), name))]

    @classmethod
    def from_file(cls, path: Path) -> PriceTable:
        """Read a table from JSON (`.json`) or TOML: for each model an object with `input` and `output`.

        Raises:
            ConfigurationError: the file cannot be read, or holds something else; the message says where.
        """
        try:
            text = path.read_text(encoding="utf-8")
            content: Any = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
            return cls(_Prices.validate_python(content))
        except OSError as error:
            raise ConfigurationError(f"the price table {path} cannot be read: {error.strerror}") from error
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, problem["loc"])) or "it"
            raise ConfigurationError(
                f"the price table {path}: {place}: {problem['msg']}; each model needs an input and an output price "
                'for a million tokens, such as "small-*" = { input = 0.15, output = 0.6 }'
            ) from None
        except (ValueError, RecursionError) as error:
            raise ConfigurationError(f"the price table {path} is no {_kind(path)}: {error}") from error

    def price_of(self, model: str) -> Price | None:
        """The price of a model, or None when the table does not know it."""
        if (price := self._exact.get(model)) is not None:
            return price
        return next((price for pattern, price in self._patterns if fnmatchcase(model, pattern)), None)

    def priced(self, usage: Usage, model: str) -> Usage:
        """The usage with its cost; None stays the cost of a model without a price."""
        price = self.price_of(model)
        if price is None:
            return usage
        cost = (usage.input_tokens * price.input + usage.output_tokens * price.output) / TOKENS_PER_PRICE
        return replace(usage, cost=cost)


def _kind(path: Path) -> str:
    return "JSON" if path.suffix.lower() == ".json" else "TOML"
