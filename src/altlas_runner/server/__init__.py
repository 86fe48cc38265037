"""The HTTP service: `make_app` for embedding, `serve` for the command."""

from altlas_runner.server.app import make_app
from altlas_runner.server.config import ServerConfig
from altlas_runner.server.serving import serve

__all__ = ["ServerConfig", "make_app", "serve"]
