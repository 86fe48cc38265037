"""Two runs side by side: what ended otherwise, took longer, or came out differently."""

from altlas_runner.last_file.comparison.comparing import Comparison, TaskChange, compare
from altlas_runner.last_file.comparison.page import render_comparison

__all__ = ["Comparison", "TaskChange", "compare", "render_comparison"]
