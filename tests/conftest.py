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
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from altlas_runner.errors import BundleError
from altlas_runner.last_file import LastFile
from tests.last_file.bundles import assert_fits_the_schema
from tests.needs import need_browser

if TYPE_CHECKING:
    from tests.browser import Browser

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job ignores it, and so would its programs
    signal.signal(signal.SIGINT, signal.default_int_handler)

_LARGEST_CHECKED = 4 << 20

settings.register_profile("fast", max_examples=25, deadline=None)
settings.register_profile("daily", max_examples=100, deadline=None)
settings.register_profile("nightly", max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("ALTLAS_EXAMPLES", "daily"))


@pytest.fixture(autouse=True)
def _every_bundle_fits_the_schema(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test leaves in its directory as `result.last`, and can be read, is what the published schema says."""
    place: Path | None = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    for result in place.rglob("result.last") if place else ():
        if result.is_file() and result.stat().st_size <= _LARGEST_CHECKED:
            try:
                LastFile.from_path(result)
            except BundleError:  # one that a test spoiled on purpose
                continue
            assert_fits_the_schema(result)


@pytest.fixture(scope="session")
def shared_browser() -> Iterator[Browser]:
    """One browser for all tests: starting it takes longer than most of them."""
    need_browser()
    from tests.browser import Browser

    opened = Browser()
    yield opened
    opened.close()


@pytest.fixture
def browser(shared_browser: Browser) -> Browser:
    """The browser as it looks at the beginning: a desktop, light, with scripts."""
    shared_browser.look()
    return shared_browser
