"""Text as a model writes it: events are read on the toolkit's loop, and handed over as pieces.

One task reads a stream to its end, whether or not somebody takes its pieces: what is paid for is recorded.
Whoever iterates takes what has arrived, and waits only when nothing has. Leaving the block, an interrupt,
a cancelled task and a stream that everybody forgot close the connection.
"""

from __future__ import annotations

import asyncio
import json
import threading
import weakref
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Generic, Self, TypeVar, cast

from ..aio import Bell, is_toolkit_thread, on_loop, run, submit
from ..exceptions import SkytellsError, StreamInterruptedError, warn_user
from ..models import ChatCompletion, Embeddings, Piece
from ..models import Response as TextResponse
from ..plaintext import clip, one_line
from ._deltas import ChatJoiner, EventParser, ResponseJoiner
from ._http import BrokenAnswerError, OpenAnswer
from ._responses import ErrorBody, Response, parse, to_exception

if TYPE_CHECKING:
    from ._ask import TextCall

A = TypeVar("A", ChatCompletion, TextResponse)

_LAST_BYTES: Final = 0.05
"""Seconds for the body's end behind the last event, so that its connection can be used again."""

_FAIR: Final = 64
"""Events of one stream that are read in a row while others wait."""

_ERRORS: Final = ("error", "response.failed")
_LAST: Final = ("response.completed", "response.incomplete", "response.cancelled")
_decode: Final = json.JSONDecoder().raw_decode


class TextSource:
    """Reads one stream, and keeps what came: `events`, and the `pieces` that were not handed over yet.

    Once it has `ended`, ``error`` says why, or ``final`` is the answer. The `bell` rings whenever there is
    something new.
    """

    def __init__(self, call: TextCall, answer: Mapping[str, Any] | OpenAnswer | Response) -> None:
        self.call = call
        self.events: list[dict[str, Any]] = []
        self.ended = self.closed = self._is_to_ring = False
        self.error: SkytellsError | None = None
        self.final: Any = None
        self.bell = Bell()
        self._answer = answer
        self._loop = asyncio.get_running_loop()
        self._taken = self._added = 0
        self.pieces: deque[Piece] = deque()
        self.last: Piece | None = None
        self._joiner = self._new_joiner()

    def _new_joiner(self) -> ChatJoiner | ResponseJoiner:
        return ChatJoiner() if self.call.request.route == "chat" else ResponseJoiner()

    def start(self) -> None:
        self.task = self._loop.create_task(self._read())

    # Reading, on the toolkit's loop

    async def _read(self) -> None:
        try:
            try:
                await self._arrive()
            except BrokenAnswerError as broken:
                await self._conclude(broken.failure.message)
            except SkytellsError as error:
                await self._fail(error)
            else:
                await self._conclude(None)
        except asyncio.CancelledError:
            self.closed = True
            self.final = self.call.read(self._raw(self._joined()))
            self.call.connection.in_background(self.call.tell(self.final, "canceled", "closed by its reader"))
        except Exception as error:  # noqa: BLE001 - raised where it is read
            self.error = SkytellsError(f"The stream could not be read: {error!r}.", charged=None)
            self.error.__cause__ = error
        finally:
            self.ended = True
            self.bell.ring()
            if isinstance(self._answer, OpenAnswer):
                await self._answer.aclose()

    async def _arrive(self) -> None:
        """Take in events until the last; raises the error that comes as one."""
        answer = self._answer
        if isinstance(answer, Mapping):  # whole, though a stream was asked for
            self.events.append(dict(answer))
            if says_failed(answer):
                raise failed(answer, self.call.request.subject)
            return
        parts, blank = (
            (_at_once(answer), str) if isinstance(answer, Response) else (answer.parts(), answer.blank)
        )
        parser, is_last = EventParser(), False
        async for part in parts:
            for name, data in parser.feed(part):
                is_last = is_last or self._add(name, blank(data))
            if not self._is_to_ring:  # once for all that has arrived: each waking costs as much as a piece
                self._is_to_ring = True
                self._loop.call_soon(self._ring)
            if is_last:
                break
            if len(self.events) % _FAIR == 0:
                await asyncio.sleep(0)
        for name, data in () if is_last else parser.close():
            self._add(name, blank(data))
        with suppress(TimeoutError, BrokenAnswerError):
            async with asyncio.timeout(_LAST_BYTES):
                async for _ in parts:
                    pass

    def _ring(self) -> None:
        self._is_to_ring = False
        self.bell.ring()

    def _add(self, name: str, data: str) -> bool:
        """Keep an event; returns whether it says that it is the last."""
        data = data.strip()
        if not data:
            return False
        try:
            event, end = _decode(data)
        except (ValueError, RecursionError):
            event, end = None, 0
        if not isinstance(event, dict) or end < len(data):
            if data == "[DONE]":
                return True
            if name in _ERRORS:
                raise self._error_in({"message": data})
            warn_user(f"An event of a stream cannot be read, and is left out: {clip(one_line(data), 80)}")
            return False
        if name and "type" not in event:
            event["type"] = name
        kind = event.get("type")
        if kind is None and "error" not in event:  # as in nearly every chunk
            self.events.append(event)
            return False
        # Some send it with the name of an ordinary event, or as a text.
        if kind in _ERRORS or (event.get("error") and event.get("object") != "response"):
            raise self._error_in(event)
        self.events.append(event)
        return kind in _LAST

    def _error_in(self, event: dict[str, Any]) -> SkytellsError:
        whole = event.get("response")
        return failed(whole if isinstance(whole, dict) else event, self.call.request.subject)

    async def _conclude(self, broken: str | None) -> None:
        """End it: whole where its last word has come, also if the connection broke then."""
        joiner = self._joined()
        value = await self.call.value(self._raw(joiner))
        if joiner.finished:
            await self.call.tell(value)
            self.final = value
            return
        text = "" if isinstance(value, Embeddings) else value.text
        why = f"the connection broke: {broken}" if broken else "it ended without its last word"
        await self._fail(
            StreamInterruptedError(
                f"The stream of {self.call.request.subject} was cut off after {len(text)} characters "
                f"({why}). They are in error.text; what they cost is not known, and nothing was sent again.",
                detail=broken,
                text=text,
                completion=value,
            )
        )

    async def _fail(self, error: SkytellsError) -> None:
        value = await self.call.value(self._raw(self._joined()))
        await self.call.tell(value, "failed", error.message)
        self.final, self.error = value, error

    def _joined(self) -> ChatJoiner | ResponseJoiner:
        joiner = self._new_joiner()
        for event in self.events:
            joiner.add(event)
        return joiner

    def _raw(self, joiner: ChatJoiner | ResponseJoiner) -> dict[str, Any]:
        """Return what events join to, without a key that came in pieces."""
        raw = joiner.raw()
        if not isinstance(self._answer, OpenAnswer):
            return raw
        text = json.dumps(raw)
        blanked = self._answer.blank(text, quick=False)
        return raw if blanked == text else cast("dict[str, Any]", json.loads(blanked))

    # Handing over, wherever it is read

    def look(self) -> bool:
        """Return whether there is a piece to hand over, of what has arrived meanwhile."""
        while not self.pieces and self._taken < len(self.events):
            arrived = self.events[self._taken :]
            self._taken += len(arrived)
            for event in arrived:
                self.pieces.extend(self._joiner.pieces(event))
        return bool(self.pieces)

    def end(self) -> None:
        """Raise what ended it, once; nothing where it ended well or was closed."""
        error, self.error = self.error, None
        if error is not None:
            raise error

    @property
    def completion(self) -> Any:
        """What was handed over so far; all that came once it has ended and nothing is left to take."""
        if self.ended and (self.closed or (self._taken >= len(self.events) and not self.pieces)):
            return self.final
        last = None if self.last is None else self.last.raw
        while last is not None and (not self._added or self.events[self._added - 1] is not last):
            self._joiner.add(self.events[self._added])
            self._added += 1
        return self.call.read(self._raw(self._joiner))

    async def whole(self) -> Any:
        try:
            await asyncio.shield(self.task)
        except asyncio.CancelledError:
            self.task.cancel()
            raise
        self.end()
        return self.final

    async def aclose(self) -> None:
        self.closed = True
        if not self.task.done():
            self.task.cancel()
            await asyncio.wait((self.task,))

    def abandon(self) -> None:
        """Close it from any thread, without waiting."""
        with suppress(RuntimeError):  # that loop has ended, and with it the connection
            self._loop.call_soon_threadsafe(self.task.cancel)


class _Stream(Generic[A]):
    def __init__(self, source: TextSource) -> None:
        self._source = source
        self._reading = threading.Lock()
        weakref.finalize(self, source.abandon).atexit = False

    @property
    def completion(self) -> A:
        """The answer, as far as it was read; at the end with usage, cost and seconds."""
        return cast("A", self._source.completion)

    @property
    def closed(self) -> bool:
        """Whether nothing more will come."""
        return self._source.closed or self._source.ended

    def _begin(self) -> None:
        if not self._reading.acquire(blocking=False):
            raise SkytellsError(
                "This stream is being read already, by another task or thread. Read it in one place, and "
                "hand its pieces on."
            )

    def _next(self, over: type[Exception]) -> Piece | None:
        """Return the next piece, None where it has not come yet; raises ``over`` or what ended it."""
        source = self._source
        if source.closed or not source.pieces:
            source.bell.hush()
            ended = source.ended  # before looking, since the last pieces come before the end
            if source.closed or (not source.look() and ended):
                source.end()
                raise over
            if not source.pieces:
                return None
        source.last = source.pieces.popleft()
        return source.last

    def __repr__(self) -> str:
        state = "ended" if self._source.ended else "closed" if self._source.closed else "open"
        return f"<{type(self).__name__} of {self._source.call.request.subject}: {state}>"


class TextStream(_Stream[A]):
    """A text as the model writes it: an iterator of pieces, and a context manager that closes it.

    Attributes
    ----------
    completion : ChatCompletion or Response
        What was read so far; whole, with its cost, after the last piece.
    closed : bool
        Whether nothing more will come.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox(seconds=0) as sandbox, sandbox.client() as client:
    ...     with client.chat.completions.create("gpt-5", "Why is the sea blue?", stream=True) as stream:
    ...         text = "".join(piece.text for piece in stream)
    ...     text == stream.completion.text, stream.completion.finish_reason
    (True, 'stop')
    """

    def __iter__(self) -> Iterator[Piece]:
        return self

    def __next__(self) -> Piece:
        """Return the next piece, as soon as it is there.

        Raises
        ------
        StreamInterruptedError
            It broke off; the error has the text so far.
        SkytellsError
            The typed error that the API sent in its place.
        """
        self._begin()
        try:
            while (piece := self._next(StopIteration)) is None:
                try:
                    self._source.bell.wait()
                except BaseException:
                    self._source.abandon()
                    raise
            return piece
        finally:
            self._reading.release()

    def as_async(self) -> AsyncTextStream[A]:
        """Return the same stream for ``async for``; read one of the two."""
        return AsyncTextStream(self._source)

    def close(self) -> None:
        """Close the connection; what came stays in ``completion``. Closing twice does no harm."""
        if is_toolkit_thread():
            submit(self._source.aclose())
        else:
            run(self._source.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class AsyncTextStream(_Stream[A]):
    """A text as the model writes it: an asynchronous iterator of pieces, and a context manager.

    Attributes are those of `TextStream`.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> async def main(client):
    ...     asked = client.chat.completions.create("gpt-5", "Why is the sea blue?", stream=True)
    ...     async with await asked as stream:
    ...         return "".join([piece.text async for piece in stream]) == stream.completion.text
    >>> with sky.Sandbox(seconds=0) as sandbox:
    ...     sky.run(main(sandbox.async_client()))
    True
    """

    def __aiter__(self) -> AsyncIterator[Piece]:
        return self

    async def __anext__(self) -> Piece:
        """Return the next piece, as soon as it is there; raises as `TextStream` does."""
        self._begin()
        try:
            while (piece := self._next(StopAsyncIteration)) is None:
                try:
                    await self._source.bell.heard()
                except BaseException:
                    self._source.abandon()
                    raise
            return piece
        finally:
            self._reading.release()

    async def close(self) -> None:
        """Close the connection; what came stays in ``completion``. Closing twice does no harm."""
        await on_loop(self._source.aclose())

    aclose = close

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()


async def _at_once(answer: Response) -> AsyncIterator[bytes]:
    yield answer.body


def says_failed(raw: Mapping[str, Any]) -> bool:
    """Whether an answer is an error, though it came with 200."""
    return raw.get("status") == "failed" or bool(raw.get("error"))


def failed(raw: Mapping[str, Any], subject: str) -> SkytellsError:
    """Return the typed error that an answer, or an event of a stream, says that it is."""
    found = raw.get("error")
    inner = {"message": found} if isinstance(found, str) else found if isinstance(found, dict) else dict(raw)
    inner = inner if inner.get("message") else {**inner, "message": "it gives no reason"}
    body = json.dumps({"error": inner}).encode()
    _, error = parse(Response(200, {}, body))  # by the status that it names itself
    if error is None or error.status < 300:
        error = ErrorBody(500, error.message if error else "", error.detail if error else "", enveloped=True)
    return to_exception(
        error, subject=subject, billed="What was written until then may have been billed.", charged=None
    )
