"""The sandbox's own core as the API on a stage: every fault of its, with no clock and no socket."""

from __future__ import annotations

from typing import Any

from skytells_nb import sandbox
from skytells_nb.api._requests import Request
from skytells_nb.api._responses import Reply, Response, TransportFailure

from .stage import EPOCH


class SandboxApi:
    """Carries a stage's requests to a sandbox whose clock is the stage's."""

    def __init__(self, **options: Any) -> None:
        self.now = 100.0
        self.core = sandbox.Core(sandbox.Options(clock=lambda: EPOCH + self.now, seed=7, **options))
        self.key = self.core.state.api_key

    @property
    def faults(self) -> Any:
        return self.core.faults

    @property
    def billed(self) -> int:
        return len(self.core.state.jobs)

    def creates(self) -> int:
        return sum(entry.route == "create" for entry in self.core.log)

    def handle(self, request: Request, now: float) -> tuple[Reply, float]:
        self.now = now
        answer = self.core.answer(
            sandbox.HttpRequest(
                request.method,
                "/v1" + request.path,
                request.query,
                {"x-api-key": self.key, "content-type": "application/json"},
                request.body or b"",
            )
        )
        if answer.ending == "hang":
            return TransportFailure("timeout", sent=True, message="no answer within 60 s"), 60.0
        if answer.ending != "send":
            return TransportFailure("dropped", sent=True, message="connection reset"), answer.after
        return Response(answer.status, answer.headers, answer.body), answer.after
