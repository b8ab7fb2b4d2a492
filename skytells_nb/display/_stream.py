"""A stream looked at while it is written: in a notebook it grows in place, in a terminal it is typed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final
from uuid import uuid4

from ..aio import run
from ..api import AsyncTextStream, TextStream
from ..plaintext import clean, encodable
from ._answers import Answer, answer_bundle, answer_facts

REFRESH: Final = 0.1
"""Seconds between two drawings of a growing text: each replaces the whole, and fifty a second flicker."""


async def follow(stream: AsyncTextStream[Any], draw: Callable[[Answer, bool], None]) -> Answer:
    """Read a stream to its end, drawing what has come at most ten times a second.

    Parameters
    ----------
    stream : AsyncTextStream
        What to read; closed when this ends, however it does.
    draw : callable
        Called with what was written so far, and whether more is to come. What it draws last is the whole
        answer, or as much of it as came.

    Returns
    -------
    ChatCompletion or Response
        The whole answer.

    Raises
    ------
    SkytellsError
        What ended the stream, after what came was drawn.
    """
    now = asyncio.get_running_loop().time
    drawn = now() - REFRESH
    piece: asyncio.Task[Any] | None = None
    fresh = False
    try:
        while True:
            piece = piece or asyncio.ensure_future(anext(stream))
            left = max(drawn + REFRESH - now(), 0.0) if fresh else None
            await asyncio.wait((piece,), timeout=left)
            if piece.done():
                with suppress(StopAsyncIteration):
                    piece.result()
                    piece, fresh = None, True
                if piece is not None:
                    break
            if fresh and now() >= drawn + REFRESH:
                draw(stream.completion, True)
                drawn, fresh = now(), False
    finally:
        if piece is not None and not piece.done():
            piece.cancel()
        await stream.close()
        draw(stream.completion, False)
    answer: Answer = stream.completion
    return answer


def show_stream(stream: TextStream[Any] | AsyncTextStream[Any], publisher: Any) -> None:
    """Show a stream until it ends; ``publisher`` is a notebook's, None in a terminal."""
    if publisher is None:
        answer = run(_type_out(stream if isinstance(stream, AsyncTextStream) else stream.as_async()))
        parts = (answer.note or "", " · ".join(answer_facts(answer)))
        sys.stdout.write(encodable("".join(f"\n{part}" for part in parts if part) + "\n", sys.stdout))
        return
    shown = {"display_id": uuid4().hex}
    publisher.publish({"text/html": "", "text/plain": ""}, transient=shown)

    def draw(answer: Answer, writing: bool) -> None:
        publisher.publish(answer_bundle(answer, writing=writing), transient=shown, update=True)

    run(follow(stream if isinstance(stream, AsyncTextStream) else stream.as_async(), draw))


async def _type_out(stream: AsyncTextStream[Any]) -> Answer:
    async with stream:
        async for piece in stream:
            sys.stdout.write(encodable(clean(piece.text), sys.stdout))
            sys.stdout.flush()
    answer: Answer = stream.completion
    return answer
