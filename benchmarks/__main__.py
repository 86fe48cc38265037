"""`make bench`: runs every benchmark, prints a table, keeps the rows in results.json beside this file.

`python -m benchmarks scheduling` runs one of them and replaces its rows only.
"""

import importlib
import json
import os
import platform
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.measure import Row

BENCHMARKS = (
    "parsing",
    "scheduling",
    "peers",
    "scaling",
    "makespan",
    "ai_service",
    "journal",
    "last_file",
    "report",
    "capi",
    "dask",
    "batch",
)
RESULTS = Path(__file__).with_name("results.json")


def main(names: list[str]) -> None:
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in names or BENCHMARKS:
        print(f"running {name} …", file=sys.stderr)
        table: list[Row] = importlib.import_module(f"benchmarks.{name}").run()
        show(table)
        results[name] = {
            "python": platform.python_version(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "rows": [asdict(row) | {"holds": row.holds} for row in table],
        }
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")


def show(table: list[Row]) -> None:
    print(f"\n{'benchmark':<42}{'subject':<34}{'value':>16}{'µs/task':>10}{'ratio':>8}  {'bound':<9}compared with")
    for row in table:
        value = f"{row.value:,.3f} {row.unit}"
        per_item = f"{row.per_item_us:,.2f}" if row.per_item_us is not None else ""
        ratio = f"{row.ratio:.3f}" if row.ratio is not None else ""
        bound = f"≤ {row.bound:g}{'' if row.holds else ' !'}" if row.bound is not None else ""
        print(f"{row.benchmark:<42}{row.subject:<34}{value:>16}{per_item:>10}{ratio:>8}  {bound:<9}{row.compared_with}")
    for row in table:
        if not row.holds:
            print(f"! {row.benchmark}: {row.subject} is {row.ratio:.3f} times {row.compared_with}, not ≤ {row.bound:g}")


if __name__ == "__main__":
    main(sys.argv[1:])
