"""How Hypothesis runs: fewer examples in a hurry, many at night, never against the clock.

At night each of the forty or so properties gets 600 examples: more than 20,000 together.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("fast", max_examples=40, deadline=None)
settings.register_profile("daily", max_examples=200, deadline=None)
settings.register_profile("nightly", max_examples=600, deadline=None)
settings.load_profile(os.environ.get("ALTLAS_EXAMPLES", "daily"))
