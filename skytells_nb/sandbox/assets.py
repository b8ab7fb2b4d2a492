"""Draws output files when they are first fetched, off the event loop, and keeps the latest in memory."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from concurrent.futures import Executor

from skytells_nb.sandbox.core import Core
from skytells_nb.sandbox.exchange import Answer, Asset

#: Bytes of drawn files that are kept; what was dropped is drawn again, the same.
CACHE_BYTES = 64 * 1024 * 1024


class Darkroom:
    """Drawn files, each drawn once however many ask for it at a time; lives on one event loop.

    Parameters
    ----------
    core : Core
        Has the painter, and is told how large files are.
    executor : Executor
        Where drawing is done.
    """

    def __init__(self, core: Core, executor: Executor) -> None:
        self._core = core
        self._executor = executor
        self._files: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._size = 0
        self._drawing: dict[tuple[str, str], asyncio.Task[bytes]] = {}

    async def develop(self, answer: Answer, asset: Asset) -> Answer:
        """Fill an answer with its file, or with the part of it that was asked for."""
        key = (asset.job, asset.name)
        content = self._files.get(key)
        if content is None:
            task = self._drawing.get(key)
            if task is None:
                task = self._drawing[key] = asyncio.create_task(self._draw(key, asset))
                task.add_done_callback(lambda _: self._drawing.pop(key, None))
            content = await asyncio.shield(task)
        else:
            self._files.move_to_end(key)
        return serve(answer, content, asset.range)

    async def _draw(self, key: tuple[str, str], asset: Asset) -> bytes:
        loop = asyncio.get_running_loop()
        content, _ = await loop.run_in_executor(
            self._executor, lambda: self._core.media.draw(asset.kind, asset.input, index=asset.index)
        )
        self._files[key] = content
        self._size += len(content)
        while self._size > CACHE_BYTES and len(self._files) > 1:
            _, old = self._files.popitem(last=False)
            self._size -= len(old)
        self._core.drawn(asset.job, asset.name, len(content))
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
