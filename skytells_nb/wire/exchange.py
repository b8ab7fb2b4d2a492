"""Asking for something that may safely be asked for twice: reads, cancels, deletes."""

from __future__ import annotations

from typing import Any

from ..exceptions import SkytellsError
from . import answers
from .answers import Problem
from .conversation import Conversation
from .requests import Call
from .steps import Answer, Flow, NoAnswer, Reply, Request, Send, SendAll, Sleep

__all__ = ["ask", "ask_all", "older_spelling", "pause_before", "seconds_asked"]


def ask(conversation: Conversation, call: Call, subject: str) -> Flow[Any]:
    """Exchange a call until it succeeds, fails for good, or has been tried often enough.

    Gives the decoded body; raises the typed error of what went wrong.
    """
    attempt, doubted = 0, False
    while True:
        request = conversation.spelled(call)
        reply = yield Send(request)
        conversation.heard(reply)
        if _is_done(call, reply):
            return None
        body, found = _read(reply)
        if found is None:
            return body
        if older_spelling(conversation, call, request, found):
            continue
        if doubted and _is_gone(call, found):
            return None
        doubted = doubted or not isinstance(found, NoAnswer) or found.sent
        pause = pause_before(conversation, reply, found, attempt)
        if pause is None:
            raise _typed(conversation, reply, found, subject)
        attempt += 1
        yield Sleep(pause)


def ask_all(conversation: Conversation, calls: list[Call], subject: str) -> Flow[list[Any]]:
    """Exchange several reads a few at a time; gives their decoded bodies in order."""
    bodies: list[Any] = [None] * len(calls)
    left, attempts = list(range(len(calls))), [0] * len(calls)
    while left:
        requests = tuple(conversation.spelled(calls[i]) for i in left)
        replies = yield SendAll(requests)
        again: list[int] = []
        longest = 0.0
        for i, reply in zip(left, replies, strict=True):
            conversation.heard(reply)
            bodies[i], found = _read(reply)
            if found is None:
                continue
            pause = pause_before(conversation, reply, found, attempts[i])
            if pause is None:
                raise _typed(conversation, reply, found, subject)
            attempts[i] += 1
            longest = max(longest, pause)
            again.append(i)
        left = again
        if left:
            yield Sleep(longest)
    return bodies


def _is_done(call: Call, reply: Reply) -> bool:
    """Whether a cancel or delete was answered well, if without a word."""
    good = isinstance(reply, Answer) and 200 <= reply.status < 300 and not reply.body.strip()
    return good and call.newest.method != "GET"


def _is_gone(call: Call, found: Problem | NoAnswer) -> bool:
    """Whether a delete that was tried before has left nothing to delete."""
    gone = isinstance(found, Problem) and answers.names_a_missing_prediction(found)
    return gone and call.endpoint == "delete"


def seconds_asked(conversation: Conversation, reply: Reply) -> float:
    """Seconds to wait after a rate limit: what the API asks, else what its limit suggests."""
    asked = conversation.asked_wait(reply)
    if asked is not None:
        return asked
    moment = conversation.now()
    return max(1.0, conversation.pace.ready(moment) - moment)


def _read(reply: Reply) -> tuple[Any, Problem | NoAnswer | None]:
    return (None, reply) if isinstance(reply, NoAnswer) else answers.read(reply)


def older_spelling(
    conversation: Conversation, call: Call, request: Request, found: Problem | NoAnswer
) -> bool:
    """Whether the API does not know this spelling, and there is an older one to fall back to."""
    if isinstance(found, NoAnswer) or found.error_id != "ENDPOINT_NOT_FOUND":
        return False
    if call.older is None:
        return False
    if request is call.older:
        conversation.older.discard(call.endpoint)
        return False
    conversation.older.add(call.endpoint)
    return True


def pause_before(
    conversation: Conversation, reply: Reply, found: Problem | NoAnswer, attempt: int
) -> float | None:
    """Seconds to wait before another try; None when there is to be none."""
    asked = conversation.asked_wait(reply)
    policy = conversation.policy
    if isinstance(found, Problem):
        if not found.transient or (found.status == 502 and answers.names_a_missing_prediction(found)):
            return None
        if found.status == 429 and asked is None:
            asked = seconds_asked(conversation, reply)
    if attempt >= policy.max_retries or not policy.bears(asked):
        return None
    return policy.pause(attempt, asked, conversation.chance)


def _typed(
    conversation: Conversation, reply: Reply, found: Problem | NoAnswer, subject: str
) -> SkytellsError:
    wait = seconds_asked(conversation, reply) if isinstance(reply, Answer) else None
    return answers.error(found, subject=subject, billed="This call bills nothing.", wait=wait)
