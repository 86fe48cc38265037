"""The page at `/`: lists runs live, checks and runs files, shows a run while it goes on."""

from altlas_runner.server.page.serving import page_routes

__all__ = ["page_routes"]
