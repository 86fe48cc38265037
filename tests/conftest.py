"""How Hypothesis runs: 200 examples of each property, a hundred times as many at night, and never against the clock."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("daily", max_examples=200, deadline=None)
settings.register_profile("nightly", max_examples=20_000, deadline=None)
settings.load_profile("nightly" if os.environ.get("ALTLAS_NIGHTLY") else "daily")
