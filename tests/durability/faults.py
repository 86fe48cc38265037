"""Mistakes that somebody could make in the journal, each as a small change of today's text, and what catches it."""

from __future__ import annotations

from tests.durability.checks import Check
from tests.simulation.planting import Fault

__all__ = ["FAULTS"]

FAULTS: list[tuple[Fault, Check]] = []
