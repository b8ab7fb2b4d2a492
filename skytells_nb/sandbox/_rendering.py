"""Output files: what they are drawn from, drawn ahead or when first fetched, and the latest kept in memory.

A class has them drawn by child processes, which run `main`: a JSON line in, a JSON line and a file out.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import os
import re
import subprocess
import sys
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import unquote, unquote_to_bytes

from ._messages import Asset, HttpResponse
from ._models import CatalogueEntry, length, resolve

#: Bytes of drawn files that are kept, for one user and for a class; what was dropped is drawn again.
KEPT: Final = 64 * 1024 * 1024
KEPT_FOR_A_CLASS: Final = 256 * 1024 * 1024
#: How much a drawing process stands back when the processor is wanted by others; 19 is the most.
NICE: Final = 5
#: Seconds a drawing process has to end by itself.
PATIENCE: Final = 2.0
JPEG_QUALITY: Final = 82
#: How many files are drawn while their predictions run.
AHEAD: Final = 4


class Media(Protocol):
    """Something that draws: `skytells_nb.sandbox.media`, or a stand-in for tests."""

    def file_type(self, kind: str) -> tuple[str, str]:
        """Return the MIME type and the extension of a file without drawing it."""

    def draw(
        self,
        kind: str,
        input: Mapping[str, Any],
        *,
        index: int = 0,
        model: str = "",
        picture: bytes | None = None,
    ) -> tuple[bytes, str]:
        """Draw one file as a model does, from an input picture if there is one."""


def standard_media() -> Media:
    from . import media

    return media


def drawn_from(entry: CatalogueEntry, input: Mapping[str, Any], chance: int) -> dict[str, Any]:
    """Complete an input for drawing.

    What the input leaves open comes from the schema's defaults, except sizes where a shape was asked for.
    Without a seed every prediction is another picture (`chance`), as with the real models.
    """
    resolved = resolve(entry, input)
    if input.get("aspect_ratio") and "width" not in input and "height" not in input:
        resolved.pop("width", None)
        resolved.pop("height", None)
    if entry.plays:
        resolved.setdefault("duration_seconds", length(entry, input))
    resolved.setdefault("seed", chance)
    return resolved


def picture_links(input: Mapping[str, Any]) -> Iterator[str]:
    """Yield what may be pictures in an input, under whatever name: data URIs and links, also in lists."""
    for value in input.values():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and text.startswith(("data:image/", "http://", "https://")):
                yield text


def read_data_uri(text: str) -> bytes | None:
    """Return the content of a data URI; None when there is none."""
    head, comma, data = text.partition(",")
    if not comma:
        return None
    try:
        return base64.b64decode(unquote(data)) if head.endswith(";base64") else unquote_to_bytes(data)
    except ValueError:
        return None


class RenderCache:
    """The latest drawn files, each drawn once however many ask for it at a time; `work` calls what draws."""

    def __init__(
        self,
        media: Media,
        note_size: Callable[[str, str, int], None],
        work: Callable[..., Awaitable[Any]],
        at_once: int | None = None,
    ) -> None:
        self._media, self._note_size, self._work = media, note_size, work
        self._limit = KEPT if at_once is None else KEPT_FOR_A_CLASS
        self._files: OrderedDict[tuple[str, str, int], bytes] = OrderedDict()
        self._size = 0
        self._ahead: set[asyncio.Future[bytes]] = set()
        self._drawing: dict[tuple[str, str, int], asyncio.Task[bytes]] = {}
        # Of a class, so many files of each learner at a time, or a batch of one would hold up all others.
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(at_once or 10_000)
        )

    def draw_ahead(self, assets: Iterable[Asset]) -> None:
        """Begin to draw files while their prediction runs, so that whoever fetches them need not wait.

        Only a few at a time: most of a batch is drawn when it is fetched, in its turn.
        """
        for asset in assets:
            if len(self._ahead) < AHEAD:
                task = asyncio.ensure_future(self.find(asset))
                self._ahead.add(task)  # a task that nobody holds may be collected before it ends
                task.add_done_callback(self._ahead.discard)
                # whoever fetches the file is told of an error; here nobody waits
                task.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def find(self, asset: Asset) -> bytes:
        """Return a file from among those drawn, or have it drawn by whoever asks first."""
        if asset.key in self._files:
            self._files.move_to_end(asset.key)
            return self._files[asset.key]
        task = self._drawing.get(asset.key)
        if task is None:
            task = self._drawing[asset.key] = asyncio.create_task(self._make(asset))
            task.add_done_callback(lambda _: self._drawing.pop(asset.key, None))
        return await asyncio.shield(task)

    async def _make(self, asset: Asset) -> bytes:
        whole = await self.find(replace(asset, edge=0)) if asset.edge else b""
        source, picture = asset.source, None
        if not asset.edge:
            picture = await self.find(source) if isinstance(source, Asset) else read_data_uri(source)
        async with self._turns[asset.account]:
            if asset.edge:
                content: bytes = await self._work(shrink, whole, asset.edge)
            else:
                draw = partial(
                    self._media.draw, asset.kind, asset.input, index=asset.index, model=asset.model
                )
                content, _ = await self._work(partial(draw, picture=picture))
                self._note_size(asset.job, asset.name, len(content))
        self._size += len(content) - len(self._files.pop(asset.key, b""))
        self._files[asset.key] = content
        while self._size > self._limit and len(self._files) > 1:
            self._size -= len(self._files.popitem(last=False)[1])
        return content


def serve_file(response: HttpResponse, content: bytes, wanted: str) -> HttpResponse:
    """Answer with a file, whole or one range of it, as a browser's video player asks."""
    response.asset = None
    response.headers["accept-ranges"] = "bytes"
    found = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", wanted.strip())
    if found is None or not (found[1] or found[2]):
        response.body = content
        return response
    size = len(content)
    if found[1]:
        first, last = int(found[1]), min(int(found[2] or size), size - 1)
    else:
        first, last = max(size - int(found[2]), 0), size - 1
    if first > last:
        response.status, response.body = 416, b""
        response.headers["content-range"] = f"bytes */{size}"
        return response
    response.status, response.body = 206, content[first : last + 1]
    response.headers["content-range"] = f"bytes {first}-{last}/{size}"
    return response


def shrink(content: bytes, edge: int) -> bytes:
    """Make a JPEG of a picture that is at most `edge` pixels wide and high; a smaller one is not enlarged."""
    from PIL import Image

    with Image.open(io.BytesIO(content)) as picture:
        small = picture.convert("RGB")
    small.thumbnail((edge, edge))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return file.getvalue()


class RenderError(RuntimeError):
    """A file that could not be drawn."""


class RenderPool:
    """A painter that has child processes draw; looks like `Media`, and may be called from any thread.

    Under Python's one lock two threads that draw leave the event loop a third of a core, so a class draws in
    a process for each core. No `concurrent.futures.ProcessPoolExecutor`: its children run the user's script
    again where that has no ``if __name__ == "__main__"``, and a script that makes predictions pays for them
    again; and forking a process that has threads is no choice.
    """

    def __init__(self, media: Media) -> None:
        self.file_type = media.file_type
        self._lock = threading.Lock()
        self._idle: list[subprocess.Popen[bytes]] = []
        self._closed = False

    def draw(
        self, kind: str, input: Mapping[str, Any], *, picture: bytes | None = None, **how: Any
    ) -> tuple[bytes, str]:
        """Have one file drawn; by another process when the first one broke."""
        given = base64.b64encode(picture).decode() if picture else ""
        task = json.dumps({"kind": kind, "input": input, "picture": given, "how": how}).encode() + b"\n"
        for _ in range(2):
            with self._lock:
                child = self._idle.pop() if self._idle else None
            child = child or _start()
            try:
                head, content = _drawn(child, task)
            except (OSError, ValueError):
                _end(child)
                continue
            with self._lock:
                if not self._closed:
                    self._idle.append(child)
            if self._closed:
                _end(child)
            if "error" in head:
                raise RenderError(head["error"])
            return content, head["mime"]
        raise RenderError(f"the process that draws ended while it drew {kind!r}, twice")

    def close(self) -> None:
        """End every child that is not drawing; one that is ends when it has drawn."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for child in idle:
            _end(child)


def pool_size() -> int:
    """Return how many drawing processes keep this machine busy: one for each core, four at most."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(max(cores, 1), 4)


def _start() -> subprocess.Popen[bytes]:
    # -P: a random.py in the folder somebody stands in is not Python's; so the package has to be named
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(  # noqa: S603 - its own interpreter
        [sys.executable, "-P", "-c", f"from {__name__} import main; main()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,  # Ctrl+C in the terminal is for the server
    )


def _drawn(child: subprocess.Popen[bytes], task: bytes) -> tuple[dict[str, Any], bytes]:
    """Hand a task to a child, and wait for its file; OSError or ValueError when it has ended."""
    stdin, stdout = child.stdin, child.stdout
    assert stdin is not None and stdout is not None  # noqa: S101, PT018 - both are pipes
    stdin.write(task)
    stdin.flush()
    head = json.loads(stdout.readline())
    size = head.get("size", 0)
    content = stdout.read(size)
    if len(content) < size:
        raise BrokenPipeError
    return head, content


def _end(child: subprocess.Popen[bytes]) -> None:
    try:
        child.communicate(timeout=PATIENCE)  # closes its input, which ends it
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()


def main() -> None:
    """Draw what standard input asks for, until it ends."""
    media = standard_media()
    stdin, stdout = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a library that prints does not break a file
    with contextlib.suppress(AttributeError, OSError):
        os.nice(NICE)
    for line in stdin:
        task = json.loads(line)
        content = b""
        try:
            picture = base64.b64decode(task["picture"])
            content, mime = media.draw(task["kind"], task["input"], picture=picture, **task["how"])
            head = {"size": len(content), "mime": mime}
        except Exception as error:  # noqa: BLE001 - it is told to whoever asked
            head = {"error": f"{type(error).__name__}: {error}"}
        with contextlib.suppress(BrokenPipeError):
            stdout.write(json.dumps(head).encode() + b"\n" + content)
            stdout.flush()
