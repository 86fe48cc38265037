"""Keys never show: the one place that removes secrets from text and values before they leave the process."""

from altlas_runner.redaction.json_texts import is_long
from altlas_runner.redaction.key_names import REDACTED, is_key_like, redact_key_like, secrets_in
from altlas_runner.redaction.pieces import PieceByPiece
from altlas_runner.redaction.redactor import Redactor

__all__ = ["REDACTED", "PieceByPiece", "Redactor", "is_key_like", "is_long", "redact_key_like", "secrets_in"]
