"""One browser for all tests of this folder: starting it takes longer than most of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.needs import need_browser

if TYPE_CHECKING:
    from tests.browser import Browser


@pytest.fixture(scope="session")
def shared_browser() -> Iterator[Browser]:
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
