"""Instants as other formats write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["microseconds", "nanoseconds", "rfc3339"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(moment: datetime) -> str:
    """In UTC, with six digits behind the point."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def microseconds(moment: datetime) -> int:
    """Since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def nanoseconds(moment: datetime) -> str:
    """Since 1970, as OTLP writes it: a text, because it does not fit into the numbers of JSON."""
    return str(1000 * microseconds(moment))
