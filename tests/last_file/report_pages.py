"""Reports taken apart: the words that stand in a page, and the data that lies packed in it."""

import base64
import gzip
import json
import re
from html import unescape
from typing import Any

_BLOCK = re.compile(r'<script type="application/gzip\+base64" id="([\w-]+)">([^<]*)</script>')


def text_of(page: str) -> str:
    """The words of a page, without its head, scripts and markup."""
    body = page[page.index("<body>") :]
    body = re.sub(r"<script.*?</script>", "", body, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def blocks_of(page: str) -> dict[str, Any]:
    """The values that lie packed in a page, by the id of their element."""
    return {name: json.loads(gzip.decompress(base64.b64decode(packed))) for name, packed in _BLOCK.findall(page)}


def index_of(page: str) -> dict[str, Any]:
    index: dict[str, Any] = blocks_of(page)["index"]
    return index


def details_of(page: str) -> list[dict[str, Any]]:
    """The details of all tasks, in order."""
    blocks = blocks_of(page)
    return [detail for chunk in range(len(blocks) - 1) for detail in blocks[f"details-{chunk}"]]


def everything_in(page: str) -> str:
    """The page with what is packed in it: where nothing may be that should not be."""
    return page + json.dumps(blocks_of(page), ensure_ascii=False)


def section(page: str, heading: str) -> str:
    """The words of the section with a heading of this id."""
    start = page.index(f'<h2 id="{heading}">')
    return text_of("<body>" + page[start : page.index("</section>", start)])
