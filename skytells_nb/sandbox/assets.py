"""Draws output files when they are first fetched, off the event loop, and keeps the latest in memory."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from concurrent.futures import Executor
from dataclasses import replace

from skytells_nb.sandbox.core import Core
from skytells_nb.sandbox.drawing import Media
from skytells_nb.sandbox.exchange import Answer, Asset
from skytells_nb.sandbox.thumbnails import shrink

File = tuple[str, str, int]

#: Bytes of drawn files that are kept, for one user and for a class; what was dropped is drawn again.
KEPT, KEPT_FOR_A_CLASS = 64 * 1024 * 1024, 256 * 1024 * 1024


class Darkroom:
    """Drawn files, each drawn once however many ask for it at a time; lives on one event loop.

    Parameters
    ----------
    core : Core
        Is told how large files are.
    media : Media
        Draws.
    executor : Executor
        Where drawing is done.
    """

    def __init__(self, core: Core, media: Media, executor: Executor) -> None:
        self._core = core
        self._media = media
        self._keeps = KEPT_FOR_A_CLASS if core.has_class else KEPT
        self._executor = executor
        self._files: OrderedDict[File, bytes] = OrderedDict()
        self._size = 0
        self._drawing: dict[File, asyncio.Task[bytes]] = {}

    async def develop(self, answer: Answer, asset: Asset) -> Answer:
        """Fill an answer with its file, or with the part of it that was asked for."""
        return serve(answer, await self._find(asset), asset.range)

    async def _find(self, asset: Asset) -> bytes:
        """Find a file among those drawn, or have it drawn by whoever asks first."""
        key = (asset.job, asset.name, asset.edge)
        content = self._files.get(key)
        if content is not None:
            self._files.move_to_end(key)
            return content
        task = self._drawing.get(key)
        if task is None:
            task = self._drawing[key] = asyncio.create_task(self._make(key, asset))
            task.add_done_callback(lambda _: self._drawing.pop(key, None))
        return await asyncio.shield(task)

    async def _make(self, key: File, asset: Asset) -> bytes:
        loop = asyncio.get_running_loop()
        if asset.edge:
            whole = await self._find(replace(asset, edge=0))
            content = await loop.run_in_executor(self._executor, shrink, whole, asset.edge)
        else:
            content, _ = await loop.run_in_executor(
                self._executor, lambda: self._media.draw(asset.kind, asset.input, index=asset.index)
            )
            self._core.drawn(asset.job, asset.name, len(content))
        self._files[key] = content
        self._size += len(content)
        while self._size > self._keeps and len(self._files) > 1:
            _, old = self._files.popitem(last=False)
            self._size -= len(old)
        return content


def serve(answer: Answer, content: bytes, wanted: str) -> Answer:
    """Answer with a file, whole or one range of it, as a browser's video player asks.

    Examples
    --------
    >>> part = serve(Answer(), b"abcdef", "bytes=2-3")
    >>> part.status, part.body, part.headers["content-range"]
    (206, b'cd', 'bytes 2-3/6')
    """
    answer.asset = None
    answer.headers["accept-ranges"] = "bytes"
    found = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", wanted.strip())
    if found is None or not (found[1] or found[2]):
        answer.body = content
        return answer
    size = len(content)
    if found[1]:
        first, last = int(found[1]), min(int(found[2] or size), size - 1)
    else:
        first, last = max(size - int(found[2]), 0), size - 1
    if first > last:
        answer.status, answer.body = 416, b""
        answer.headers["content-range"] = f"bytes */{size}"
        return answer
    answer.status, answer.body = 206, content[first : last + 1]
    answer.headers["content-range"] = f"bytes {first}-{last}/{size}"
    return answer
