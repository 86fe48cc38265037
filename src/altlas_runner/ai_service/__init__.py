"""Talking to an AI service: client, limits, cache, prices, one module per wire format, the embedded model.

Importing this room is cheap: the HTTP library and the model library are loaded when a client first needs them.
"""

from altlas_runner.ai_service.caching import CachedAnswers
from altlas_runner.ai_service.client import AiServiceClient
from altlas_runner.ai_service.config import AiServiceConfig
from altlas_runner.ai_service.prices import Price, PriceTable

__all__ = ["AiServiceClient", "AiServiceConfig", "CachedAnswers", "Price", "PriceTable"]
