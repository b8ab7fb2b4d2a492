"""Votes: which of two outputs somebody preferred, in files beside the outputs, one JSON object a line.

They are not in the index, so whatever happens to the index, the votes are there. Every writer has a file of
its own and replaces it whole, so that several processes, or several machines, can share a folder.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, get_args

from .._storage import Storage
from ._database import archive_error
from ._serialize import UNREADABLE

Preference = Literal["left", "right", "both", "neither"]

_FORMAT: Final = 1
_FOLDER: Final = "votes"
_ENDING: Final = ".jsonl"


@dataclass(frozen=True, slots=True)
class Vote:
    """What somebody thought of two outputs of one task.

    Attributes
    ----------
    voted_at : datetime
        When, in UTC.
    voter : str
        Who.
    vote : {"left", "right", "both", "neither"}
        Which is better; both good, or neither.
    left, right : str
        The models.
    left_id, right_id : str
        Their predictions.
    prompt : str
        What both were asked.
    task : str
        A digest of all that they were given, by which an arena knows the vote again.
    origin : str
        The API that they came from.
    """

    voted_at: datetime
    voter: str
    vote: Preference
    left: str
    right: str
    left_id: str
    right_id: str
    prompt: str
    task: str
    origin: str


class VoteLog:
    """The votes in an archive's place, and one more file for those of this process."""

    def __init__(self, place: Storage) -> None:
        self._place = place
        self._name = f"{_FOLDER}/{datetime.now().astimezone():%Y-%m-%d-%H%M}-{secrets.token_hex(4)}{_ENDING}"
        self._own: list[Vote] = []

    def add(self, votes: Sequence[Vote]) -> None:
        """Keep votes, down to the disk; all of them, or none and an error."""
        own = [*self._own, *votes]
        lines = [
            json.dumps({"skytells_nb": _FORMAT, **asdict(each), "voted_at": each.voted_at.isoformat()})
            for each in own
        ]
        try:
            self._place.put(self._name, "\n".join([*lines, ""]).encode(), replace=True)
        except OSError as error:
            raise archive_error(error, Path(self._place.place)) from error
        self._own = own

    def read(self) -> list[Vote]:
        """Return all votes that are kept, oldest first; a line that is no vote is left out."""
        found: list[Vote] = []
        try:
            for entry in self._place.list(_FOLDER):
                with self._place.open(entry.name) as file:
                    lines = file.read().decode("utf-8", "replace").splitlines()
                found += [vote for vote in map(_parse, lines) if vote is not None]
        except OSError as error:
            raise archive_error(error, Path(self._place.place)) from error
        return sorted(found, key=lambda vote: vote.voted_at)


def _parse(line: str) -> Vote | None:
    try:
        record: dict[str, Any] = json.loads(line)
        vote = Vote(**{name: record[name] for name in Vote.__dataclass_fields__})
        vote = replace(vote, voted_at=datetime.fromisoformat(record["voted_at"]))
        is_whole = vote.voted_at.tzinfo is not None and vote.vote in get_args(Preference)
        texts = (vote.voter, vote.left, vote.right, vote.left_id, vote.right_id, vote.prompt, vote.task)
        return vote if is_whole and all(isinstance(text, str) for text in texts) else None
    except UNREADABLE:
        return None
