"""What the mode of an ALT file means for a request to a chat model: its instructions and its temperature. Pure.

| mode | temperature | instructions |
|---|---|---|
| normal | as configured | none |
| explore | 0.2 more | look at the question from several sides |
| dream | 0.4 more | be imaginative |
| chaos | 0.1 more for each level, 1 to 10 | be bold, the bolder the higher the level |

A temperature that a task names itself stays as it is. The services of the `altlas` format are told mode and level, and
decide for themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from altlas_runner.ai_service.wire_format import ParameterError
from altlas_runner.execution import RunInfo

__all__ = ["DEFAULT_CHAOS_LEVEL", "Mode", "chaos_level", "mode_of"]

DEFAULT_CHAOS_LEVEL = 5
MAX_TEMPERATURE = 2.0

_CHAOS = {
    3: "Be a little bold: question one thing that seems obvious.",
    7: "Be bold: question what seems obvious and surprise the reader.",
    10: "Be as bold as you can: turn what seems obvious upside down, and let nothing be ordinary.",
}
"""The instructions of chaos, by the highest level that they hold for."""


@dataclass(frozen=True, slots=True)
class Mode:
    """What a mode changes.

    Attributes:
        instructions: a sentence for the model; empty for none.
        warmer: added to a temperature that is configured.
    """

    instructions: str = ""
    warmer: float = 0.0

    def temperature(self, configured: float) -> float:
        """The temperature to ask for, at most 2."""
        return min(MAX_TEMPERATURE, round(configured + self.warmer, 6))


_MODES = {
    "dream": Mode("Be imaginative: unusual ideas are welcome.", 0.4),
    "explore": Mode("Look at the question from several sides before you decide.", 0.2),
}
_NORMAL = Mode()


def mode_of(run: RunInfo) -> Mode:
    """The mode of a run.

    Raises:
        ParameterError: the mode is chaos, and the level is none.
    """
    if run.mode != "chaos":
        return _MODES.get(run.mode, _NORMAL)
    level = chaos_level(run.metadata)
    instructions = next(text for highest, text in _CHAOS.items() if level <= highest)
    return Mode(instructions, level / 10)


def chaos_level(metadata: Mapping[str, Any]) -> int:
    """`metadata.chaos_level`, or the one that a document of the Segmentation Service had; 5 when there is none.

    Raises:
        ParameterError: it is no whole number from 1 to 10.
    """
    place, level = "metadata.chaos_level", metadata.get("chaos_level")
    segmentation = metadata.get("segmentation")
    if level is None and isinstance(segmentation, Mapping):
        place, level = "metadata.segmentation.chaos_level", segmentation.get("chaos_level")
    if level is None:
        return DEFAULT_CHAOS_LEVEL
    if not isinstance(level, int) or isinstance(level, bool) or not 1 <= level <= 10:
        raise ParameterError(f"{place} must be a whole number from 1 to 10 for the mode chaos")
    return level
