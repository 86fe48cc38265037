"""The output: results are gathered into a LAST file, drawn, reported and written as a bundle here."""

from altlas_runner.last_file.artifacts import read_artifact, read_output
from altlas_runner.last_file.generator import LastFileGenerator
from altlas_runner.last_file.models import LastFile, RunStatus
from altlas_runner.last_file.report import render_report

__all__ = ["LastFile", "LastFileGenerator", "RunStatus", "read_artifact", "read_output", "render_report"]
