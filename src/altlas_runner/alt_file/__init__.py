"""The input: ALT files are parsed, checked and turned into models here."""

from altlas_runner.alt_file.diagnostics import Diagnostic, Related
from altlas_runner.alt_file.graph import TaskGraph
from altlas_runner.alt_file.json_schema import alt_file_schema
from altlas_runner.alt_file.limits import Limits
from altlas_runner.alt_file.models import AltFile, AltMode, Priority, Task
from altlas_runner.alt_file.parser import AltParser
from altlas_runner.alt_file.sample import create_sample_alt_file
from altlas_runner.alt_file.sequence import validate_execution_sequence
from altlas_runner.alt_file.validator import validate_alt_file

__all__ = [
    "AltFile",
    "AltMode",
    "AltParser",
    "Diagnostic",
    "Limits",
    "Priority",
    "Related",
    "Task",
    "TaskGraph",
    "alt_file_schema",
    "create_sample_alt_file",
    "validate_alt_file",
    "validate_execution_sequence",
]
