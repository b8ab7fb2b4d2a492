"""One item on its way: an observer of its own create, which writes the journal, and the flow it takes."""

# ruff: noqa: ARG002 - an observer is told more than each one needs

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, Final

from ..api import Account, Connection, Observer, cancel_remotely, create, wait
from ..archive import Archive, elide_data_uris
from ..exceptions import PredictionError, SkytellsError, UncertainCreateError, warn_user
from ..models import Prediction
from .inputs import Key
from .journal import Journal
from .turns import Turn

__all__ = ["Entry", "carried", "light"]

_KEPT: Final = ("source", "error_id", "data_removed")


class Entry(Observer):
    """Writes down what becomes of one item's create.

    Parameters
    ----------
    journal : Journal
        Where.
    turn : Turn
        Kept while nobody knows what became of a create.
    connection : Conversation
        Whose clock says when it was sent.
    key : tuple
        Which item.
    """

    def __init__(self, journal: Journal, turn: Turn, connection: Connection, key: Key) -> None:
        self._journal = journal
        self._turn = turn
        self._connection = connection
        self._key = key
        self.id: str | None = None
        """Of the prediction that was made, once that is known."""
        self.refused: SkytellsError | None = None
        """What the journal said when it could not be written; nothing was sent then."""

    async def before_create(
        self,
        account: Account,
        model: str,
        input: dict[str, Any],
    ) -> object:
        """Write the item down before anything is sent."""
        connection = self._connection
        sent = connection.earliest(connection.now(), connection.wall())
        number = self._journal.sent(self._key, sent)
        try:
            await asyncio.to_thread(self._journal.flush, number)
        except BaseException as error:
            self._journal.withdrawn(self._key)
            self.refused = error if isinstance(error, SkytellsError) else None
            raise
        self._turn.begin()
        return None

    async def created(
        self,
        account: Account,
        ticket: object,
        prediction: Prediction,
    ) -> None:
        """Write the id down."""
        self.id = prediction.id
        number = self._journal.running(self._key, prediction.id)
        await self._told(number)

    async def not_created(
        self,
        account: Account,
        ticket: object,
        error: BaseException,
        sent: bool,
    ) -> None:
        """Write down that it was not accepted, or that nobody knows."""
        number: int | None = None
        if not sent:
            number = self._journal.withdrawn(self._key)
        elif isinstance(error, UncertainCreateError):
            number = self._journal.came_to_nothing(self._key, "uncertain", error.message)
        await self._told(number)

    async def _told(self, number: int | None) -> None:
        try:
            if number is not None:
                await asyncio.to_thread(self._journal.flush, number)
        finally:
            self._turn.end()


async def carried(
    connection: Connection, keeper: Archive, entry: Entry, asked: Prediction, *, made: bool
) -> Prediction:
    """Bring one item to its end, well or not; gives it with its files.

    Parameters
    ----------
    keeper : Archive
        Keeps it, if no archive of the connection's own does.
    asked : Prediction
        The model and the input; where it is ``made`` already also its id.

    Raises
    ------
    SkytellsError
        It was not accepted, or nobody knows, or it could not be waited for.
    """
    try:
        if made:
            ended = await _followed(connection, asked)
        else:
            ended = await create(connection, asked.model or "", asked.input or {}, observers=(entry,))
    except PredictionError as error:
        if error.prediction is None:
            raise
        ended = error.prediction
    if not any(isinstance(each, Archive) for each in connection.listeners()):
        try:
            ended = await keeper.ended(connection.account, ended)
        except SkytellsError as error:
            warn_user(f"Prediction {ended.id} could not be archived: {error.message}")
    return ended


async def _followed(connection: Connection, asked: Prediction) -> Prediction:
    """Wait for what an earlier run created; an interrupt of this one cancels it."""
    try:
        return await wait(connection, asked)
    except asyncio.CancelledError:
        connection.in_background(cancel_remotely(connection, asked))
        raise


def light(prediction: Prediction) -> Prediction:
    """Give a prediction without what only the archive need keep: the API's whole answer, and files sent.

    Ten thousand such predictions take some 25 MB.
    """
    kept: dict[str, Any] = {name: prediction.raw[name] for name in _KEPT if name in prediction.raw}
    return replace(prediction, raw=kept, urls=None, input=elide_data_uris(prediction.input))
