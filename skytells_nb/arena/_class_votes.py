"""The votes of a class: a sandbox's own page collects them, and gives them to who has the teacher's key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

from ..aio import run
from ..api import AsyncClient, ask_sandbox
from ..archive import Preference
from ..exceptions import AuthenticationError, SkytellsError, warn_user


class ClassVote(NamedTuple):
    """A learner's vote on two predictions, by their ids."""

    voted_at: datetime
    voter: str
    vote: Preference
    left: str
    right: str


def class_votes(client: AsyncClient) -> list[ClassVote]:
    """Ask for the votes of a class, oldest first; none where there is no class, or this is no teacher."""
    if not client.connection.account.sandbox:
        return []
    answer: dict[str, Any] = {}
    try:
        answer = run(ask_sandbox(client.connection, "votes"))
    except AuthenticationError:
        return []  # a learner's key
    except SkytellsError as error:
        warn_user(f"The votes of a class could not be asked for, and those in the archive count: {error}")
    return [
        ClassVote(datetime.fromtimestamp(each["at"], UTC), *(each[name] for name in ClassVote._fields[1:]))
        for each in answer.get("votes", ())
    ]
