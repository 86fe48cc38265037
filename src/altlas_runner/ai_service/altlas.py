"""The wire format `altlas`: POST {base_url}/execute. The service does everything; a 2xx JSON body is the output."""

from __future__ import annotations

from typing import Any

from altlas_runner.ai_service.config import AiServiceConfig
from altlas_runner.ai_service.wire_format import WireRequest, bearer, settings_for
from altlas_runner.execution import Outcome, TaskAttempt

__all__ = ["AltlasFormat"]


class AltlasFormat:
    """Sends the task as it is, with its run's mode and persona and the outputs of its dependencies."""

    def request(self, config: AiServiceConfig, attempt: TaskAttempt) -> WireRequest:
        """The task and its surroundings as JSON."""
        task = attempt.task
        settings = settings_for(config, task)
        body = {
            "task_id": task.id,
            "description": task.description,
            "parameters": task.parameters or {},
            "model": settings.model,
            "temperature": settings.temperature,
            "max_tokens": settings.max_tokens,
            "stream": False,
            "mode": attempt.run.mode,
            "persona": attempt.run.persona,
            "context": attempt.context,
        }
        return WireRequest("/execute", body, bearer(config))

    def outcome(self, answer: Any) -> Outcome:
        """Any JSON value is an output."""
        return Outcome.completed(answer)
