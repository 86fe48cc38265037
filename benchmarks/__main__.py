"""`make bench`: runs every benchmark, prints a table, writes results.json beside this file.

`python -m benchmarks scheduler` runs one of them.
"""

import importlib
import json
import platform
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.measure import Row

BENCHMARKS = ("parsing", "scheduling")


def main(names: list[str]) -> None:
    table: list[Row] = []
    for name in names or BENCHMARKS:
        print(f"running {name} …", file=sys.stderr)
        table += importlib.import_module(f"benchmarks.{name}").run()
    print(f"{'benchmark':<34}{'subject':<26}{'CPU s':>9}{'µs/task':>10}{'ratio':>8}  {'bound':<8}compared with")
    for row in table:
        ratio = f"{row.ratio:.2f}" if row.ratio is not None else ""
        bound = f"≤ {row.bound:g}{'' if row.holds else ' !'}" if row.bound is not None else ""
        print(
            f"{row.benchmark:<34}{row.subject:<26}{row.seconds:>9.3f}{row.per_item_us:>10.2f}{ratio:>8}  {bound:<8}"
            f"{row.compared_with}"
        )
    if not names:
        results = {
            "python": platform.python_version(),
            "machine": platform.machine(),
            "rows": [asdict(row) | {"holds": row.holds} for row in table],
        }
        Path(__file__).with_name("results.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
