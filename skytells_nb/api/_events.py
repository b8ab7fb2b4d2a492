"""Server-sent events, parsed from bytes as they come (https://html.spec.whatwg.org/#event-stream-interpretation).

Not `httpx_sse`, which is the field's library, because it does not bear what these routes send: it drops a
last event that no empty line follows, keeps a byte order mark in the first line, and hands an event that ends
in a lone CR over only with the next bytes. It also goes through five more layers of asynchronous generators
for each chunk.
"""

from __future__ import annotations


class EventParser:
    r"""Turns chunks of bytes, cut anywhere, into events: pairs of a name and its data."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []  # of a line whose end has not come
        self._name = ""
        self._data: list[bytes] = []
        self._is_first = True
        self._after_cr = False
        self._is_fresh = True  # whether an event begins with the next byte

    def feed(self, chunk: bytes) -> list[tuple[str, str]]:
        """Return the events that end in this chunk."""
        one_line = self._is_fresh and chunk.find(b"\n") == len(chunk) - 2 and b"\r" not in chunk
        if one_line and chunk.startswith(b"data: ") and chunk.endswith(b"\n\n"):
            return [("", chunk[6:-2].decode("utf-8", "replace"))]  # one event and no more: in half the time
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")  # the second half of a line end
        if b"\n" not in chunk and b"\r" not in chunk:
            self._rest.append(chunk)  # not joined each time: a long line may come byte by byte
            self._is_fresh = False
            return []
        if self._rest:
            chunk = b"".join((*self._rest, chunk))
            self._rest = []
        lines = chunk.splitlines()
        self._after_cr = chunk.endswith(b"\r")
        if not self._after_cr and not chunk.endswith(b"\n"):
            self._rest.append(lines.pop())
        events = self._parsed(lines)
        self._is_fresh = not (self._rest or self._name or self._data or self._after_cr)
        return events

    def close(self) -> list[tuple[str, str]]:
        """Return the event that was left at the end: some servers forget its last line end."""
        return self._parsed([b"".join(self._rest), b""])

    def _parsed(self, lines: list[bytes]) -> list[tuple[str, str]]:
        events: list[tuple[str, str]] = []
        if self._is_first and lines:
            self._is_first = False
            lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[6:] if line.startswith(b"data: ") else line[5:])
            elif not line:
                if self._data:
                    events.append((self._name, b"\n".join(self._data).decode("utf-8", "replace")))
                self._name, self._data = "", []
            elif line.startswith(b"event:"):
                self._name = line[6:].removeprefix(b" ").decode("utf-8", "replace")
            elif line == b"data":
                self._data.append(b"")
        return events
