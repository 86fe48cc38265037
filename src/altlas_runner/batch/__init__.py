"""Batches: many ALT files, one index of how they ended, and a resume that passes over what has finished."""

from altlas_runner.batch.many import Unit, execute_many
from altlas_runner.batch.rows import BatchRow, BatchSummary, RowStatus
from altlas_runner.batch.running import OnRow
from altlas_runner.batch.sources import BatchFile, batch_files

__all__ = ["BatchFile", "BatchRow", "BatchSummary", "OnRow", "RowStatus", "Unit", "batch_files", "execute_many"]
