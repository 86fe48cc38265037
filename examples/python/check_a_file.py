"""Check an ALT file without running it: every problem at once, each with its place and a way to mend it."""

import sys

from altlas_runner import AltParser

BROKEN = """
{
  "id": "broken", "title": "Two mistakes",
  "tasks": [
    {"id": "fetch", "description": "Fetch the page"},
    {"id": "summarize", "description": " ", "dependencies": ["fecth"]}
  ]
}
"""

text = sys.argv[1] if len(sys.argv) > 1 else BROKEN
for diagnostic in AltParser().validate(text):
    print(f"{diagnostic.severity}[{diagnostic.code}] {diagnostic.message}  ({diagnostic.path})")
    if diagnostic.help:
        print(f"    help: {diagnostic.help}")
