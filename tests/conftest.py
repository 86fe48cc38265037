"""How Hypothesis runs: fewer examples in a hurry, many at night, never against the clock.

At night each property gets 1,000 examples. Those of ALT files, which stand in `tests/alt_file` and `tests/testing`, are
more than twenty, so they get more than 20,000 together:

- the validator against a slow obvious oracle: `test_diagnostics_of_meaning`, `test_reference_checks`,
  `test_duplicate_keys`, `test_task_graph`
- saving and reading: `test_reading_and_saving`, `test_yaml_files`
- merging keeps graphs and references: `test_merging`, `test_references`
- validator and JSON Schema agree: `test_json_schemas`
- the execution order is a valid sequence: `test_execution_sequences`, `test_planning`
- no bytes escape as anything but `AltParseError`: `test_hostile_texts`, `test_yaml_files`, `test_segmentation`
- positions lie inside the text, at the value that the path names: `test_positions`, `test_hostile_texts`
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("fast", max_examples=40, deadline=None)
settings.register_profile("daily", max_examples=200, deadline=None)
settings.register_profile("nightly", max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("ALTLAS_EXAMPLES", "daily"))
