"""The report: one page made from a LAST file alone, readable from disk, offline and without scripts."""

from altlas_runner.last_file.report.render import render_report

__all__ = ["render_report"]
