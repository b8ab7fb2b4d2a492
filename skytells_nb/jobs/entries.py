"""One item on its way: an observer of its own create, which writes the journal, and the flow it takes."""

# ruff: noqa: ARG002 - an observer is told more than each one needs

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Generator
from dataclasses import replace
from functools import partial
from typing import Any, Final

from ..archive import Archive, elide_data_uris
from ..exceptions import PredictionError, SkytellsError, UncertainCreateError
from ..models import Prediction
from ..observers import Account, Observer
from ..wire import creating, flows
from ..wire.conversation import Conversation, note
from ..wire.steps import Do, Flow
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
    conversation : Conversation
        Whose clock says when it was sent.
    key : tuple
        Which item.
    """

    def __init__(self, journal: Journal, turn: Turn, conversation: Conversation, key: Key) -> None:
        self._journal = journal
        self._turn = turn
        self._conversation = conversation
        self._key = key
        self.id: str | None = None
        """Of the prediction that was made, once that is known."""
        self.refused: SkytellsError | None = None
        """What the journal said when it could not be written; nothing was sent then."""

    def before_create(
        self,
        account: Account,
        model: str,
        input: dict[str, Any],
    ) -> Generator[Any, Any, object]:
        """Write the item down before anything is sent."""
        talk = self._conversation
        number = self._journal.sent(self._key, talk.since(talk.now(), talk.wall()))
        try:
            yield Do(partial(self._journal.flush, number))
        except BaseException as error:
            self._journal.withdrawn(self._key)
            self.refused = error if isinstance(error, SkytellsError) else None
            raise
        self._turn.begin()
        return None

    def created(
        self,
        account: Account,
        ticket: object,
        prediction: Prediction,
    ) -> Generator[Any, Any, None]:
        """Write the id down."""
        self.id = prediction.id
        number = self._journal.running(self._key, prediction.id)
        yield from self._told(number)

    def not_created(
        self,
        account: Account,
        ticket: object,
        error: BaseException,
        sent: bool,
    ) -> Generator[Any, Any, None]:
        """Write down that it was not accepted, or that nobody knows."""
        number: int | None = None
        if not sent:
            number = self._journal.withdrawn(self._key)
        elif isinstance(error, UncertainCreateError):
            number = self._journal.came_to_nothing(self._key, "uncertain", error.message)
        yield from self._told(number)

    def _told(self, number: int | None) -> Generator[Any, Any, None]:
        try:
            if number is not None:
                yield Do(partial(self._journal.flush, number))
        finally:
            self._turn.end()


def carried(
    conversation: Conversation, keeper: Archive, entry: Entry, asked: Prediction, *, made: bool
) -> Flow[Prediction]:
    """Bring one item to its end, well or not; gives it with its files.

    Parameters
    ----------
    keeper : Archive
        Keeps it, if no archive of the conversation's own does.
    asked : Prediction
        The model and the input; where it is ``made`` already also its id.

    Raises
    ------
    SkytellsError
        It was not accepted, or nobody knows, or it could not be waited for.
    """
    try:
        if made:
            ended = yield from _followed(conversation, asked)
        else:
            ended = yield from flows.create(
                conversation, asked.model or "", asked.input or {}, observers=(entry,)
            )
    except PredictionError as error:
        if error.prediction is None:
            raise
        ended = error.prediction
    if not any(isinstance(each, Archive) for each in conversation.listeners()):
        try:
            ended = yield from keeper.ended(conversation.account, ended)
        except SkytellsError as error:
            note(f"Prediction {ended.id} could not be archived: {error.message}")
    return ended


def _followed(conversation: Conversation, asked: Prediction) -> Flow[Prediction]:
    """Wait for what an earlier run created; an interrupt of this one cancels it."""
    try:
        return (yield from flows.wait(conversation, asked))
    except (KeyboardInterrupt, CancelledError):
        yield creating.cancel_in_background(conversation, asked)
        raise


def light(prediction: Prediction) -> Prediction:
    """Give a prediction without what only the archive need keep: the API's whole answer, and files sent.

    Ten thousand such predictions take some 25 MB.
    """
    kept: dict[str, Any] = {name: prediction.raw[name] for name in _KEPT if name in prediction.raw}
    return replace(prediction, raw=kept, urls=None, input=elide_data_uris(prediction.input))
