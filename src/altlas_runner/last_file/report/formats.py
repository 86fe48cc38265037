"""Values in words, as the report shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from altlas_runner.last_file.models import as_utc

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["format_cost", "format_duration", "format_size", "format_time"]


def format_duration(milliseconds: float) -> str:
    """A duration with two or three digits that matter.

    Example:
        >>> [format_duration(ms) for ms in (0, 840, 12_400, 64_000, 7_380_000)]
        ['0 ms', '840 ms', '12.4 s', '1m 04s', '2h 03m']
    """
    if milliseconds < 1000:
        return f"{max(0, int(milliseconds))} ms"
    if milliseconds < 59_950:
        return f"{milliseconds / 1000:.1f} s"
    seconds = round(milliseconds / 1000)
    if seconds < 3600:
        return f"{seconds // 60}m {seconds % 60:02}s"
    return f"{seconds // 3600:,}h {seconds % 3600 // 60:02}m"


def format_time(moment: datetime) -> str:
    """An instant to the second, in UTC."""
    utc = as_utc(moment)
    return f"{utc.year:04}-{utc.month:02}-{utc.day:02} {utc.hour:02}:{utc.minute:02}:{utc.second:02} UTC"


def format_size(size: int) -> str:
    """A number of bytes.

    Example:
        >>> format_size(999), format_size(1_234_567)
        ('999 bytes', '1.2 MB')
    """
    if size < 1000:
        return f"{size} bytes"
    for unit, factor in (("kB", 1e3), ("MB", 1e6)):
        if size < factor * 999.95:
            return f"{size / factor:.1f} {unit}"
    return f"{size / 1e9:,.1f} GB"


def format_cost(cost: float) -> str:
    """An amount, with as many decimals as small amounts need."""
    return f"{cost:,.2f}" if cost >= 1 or cost == 0 else f"{cost:.4f}"
