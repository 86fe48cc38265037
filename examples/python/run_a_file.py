"""Run an ALT file with the embedded model and read the results: the shortest program there is."""

import sys
from pathlib import Path

import altlas_runner

path = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "alt" / "research.alt.json"
last_file = altlas_runner.run(path, ai_protocol="local", output_dir="output")

print(last_file.summary)
for result in last_file.get_successful_tasks():
    print(f"{result.task_id}: {result.output['text']}")
for result in last_file.get_failed_tasks():
    print(f"{result.task_id} {result.status}: {result.error}")
