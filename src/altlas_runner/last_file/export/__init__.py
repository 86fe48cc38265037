"""A LAST file in the formats of other tools: a spreadsheet, a trace viewer, a tracing system. Pure."""

from altlas_runner.last_file.export.chrome_trace import chrome_trace
from altlas_runner.last_file.export.csv_table import csv_table
from altlas_runner.last_file.export.otel import otel_traces

__all__ = ["chrome_trace", "csv_table", "otel_traces"]
