"""Asking for something that may safely be asked for twice: reads, cancels, deletes."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from ._connection import Connection
from ._requests import Call, Request
from ._responses import (
    ErrorBody,
    Reply,
    Response,
    TransportFailure,
    is_missing_prediction,
    parse_reply,
    to_exception,
)

_log = logging.getLogger("skytells_nb")


async def send_with_retry(connection: Connection, call: Call, subject: str) -> Any:
    """Exchange a call, again where that may help; returns its decoded body.

    Raised is the typed error of its last answer, ``subject`` named in it.
    """
    attempt, asked_before = 0, False
    while True:
        request = connection.request_for(call)
        reply = await connection.exchange(request)
        body, error = parse_reply(reply)
        is_empty = isinstance(reply, Response) and 200 <= reply.status < 300 and not reply.body.strip()
        # A cancel or delete may be answered well without a body.
        if error is None or (is_empty and call.newest.method != "GET"):
            return body
        if is_older_spelling(connection, call, request, error):
            continue
        is_missing = isinstance(error, ErrorBody) and is_missing_prediction(error)
        if asked_before and is_missing and call.endpoint == "delete":
            return None  # the try before has deleted it
        asked_before = asked_before or not isinstance(error, TransportFailure) or error.sent
        pause = pause_before(connection, reply, error, attempt)
        if pause is None:
            wait = rate_limit_wait(connection, reply)
            raise to_exception(error, subject=subject, billed=None, wait=wait)
        attempt += 1
        _log.debug("%s: %s; try %d in %.2f s", subject, error, attempt + 1, pause)
        await asyncio.sleep(pause)


async def ask_sandbox(connection: Connection, name: str) -> Any:
    """Read one of a sandbox's own routes, which the API does not have, and which want its owner's key."""
    request = Request("GET", f"/../__sandbox__/{name}")  # beside the base URL, which ends in /v1
    return await send_with_retry(connection, Call("sandbox", request), f"the sandbox's {name}")


async def send_all_with_retry(connection: Connection, calls: list[Call], subject: str) -> list[Any]:
    """Exchange several reads at once; returns their decoded bodies in order."""
    tasks = [asyncio.ensure_future(send_with_retry(connection, call, subject)) for call in calls]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()


def rate_limit_wait(connection: Connection, reply: Reply) -> float:
    """Return the seconds to wait after a rate limit: what the API asks, else what its limit suggests."""
    asked = connection.asked_wait(reply)
    if asked is not None:
        return asked
    moment = connection.now()
    return max(1.0, connection.rate_limit.ready(moment) - moment)


def is_older_spelling(
    connection: Connection, call: Call, request: Request, error: ErrorBody | TransportFailure
) -> bool:
    """Return whether the API does not know this spelling, and there is an older one to fall back to."""
    if isinstance(error, TransportFailure) or error.error_id != "ENDPOINT_NOT_FOUND" or call.older is None:
        return False
    if request is call.older:
        connection.legacy_endpoints.discard(call.endpoint)
        return False
    connection.legacy_endpoints.add(call.endpoint)
    return True


def pause_before(
    connection: Connection, reply: Reply, error: ErrorBody | TransportFailure, attempt: int
) -> float | None:
    """Return the seconds to wait before another try; None when there is to be none."""
    asked, policy = connection.asked_wait(reply), connection.policy
    if isinstance(error, ErrorBody):
        if not error.is_transient or (error.status == 502 and is_missing_prediction(error)):
            return None
        if error.status == 429 and asked is None:
            asked = rate_limit_wait(connection, reply)
    if attempt >= policy.max_retries or not policy.accepts(asked):
        return None
    return policy.pause(attempt, asked, connection.chance)
