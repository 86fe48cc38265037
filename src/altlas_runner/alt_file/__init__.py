"""The input: ALT files are parsed, checked and turned into models here."""

from altlas_runner.alt_file.diagnostics import Diagnostic
from altlas_runner.alt_file.graph import TaskGraph
from altlas_runner.alt_file.models import AltFile, AltMode, Priority, Task

__all__ = ["AltFile", "AltMode", "Diagnostic", "Priority", "Task", "TaskGraph"]
