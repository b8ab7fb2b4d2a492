"""An input as code: the Python call that sends it, and the JSON that is sent.

Secrets, and files as data URIs that would fill a page, are strings that do not show themselves.
"""

from __future__ import annotations

import base64
import inspect
import json
import os
import re
from collections.abc import Mapping
from mimetypes import guess_extension
from pathlib import Path
from typing import Any, Final, Self

from ..api import DEFAULT_BASE_URL, Connection
from ..filetypes import HEAD, sniff
from ..models import Prediction
from ..pictures import upright

_WIDTH: Final = 88
_LONG: Final = 2_000


class MaskedStr(str):
    """A string that is sent as it is, and shown as something shorter."""

    shown: str  # what stands in its place
    code: str  # Python that makes the same value where the code runs

    __slots__ = ("code", "shown")

    def __repr__(self) -> str:
        return repr(self.shown)

    def __reduce__(self) -> tuple[Any, ...]:
        return str, (str.__str__(self),)


class Secret(MaskedStr):
    """A credential: never written out; code reads it from an environment variable of the field's name."""

    __slots__ = ()

    @classmethod
    def of(cls, value: str, name: str) -> Self:
        masked = cls(value)
        masked.shown = "••••••"
        masked.code = f'os.environ["{re.sub("[^A-Z0-9]", "_", name.upper())}"]'
        return masked


class Upload(MaskedStr):
    """An uploaded file, as the data URI that is sent."""

    __slots__ = ("caption", "data", "name")

    caption: str
    data: bytes
    name: str

    @classmethod
    def of(cls, data: bytes, mime: str, name: str) -> Self:
        masked = cls(f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}")
        masked.shown = f"data:{mime};base64,… ({len(data) / 1000:,.0f} kB)"
        masked.code = f"Path({json.dumps(name, ensure_ascii=False)})"
        masked.data = data
        masked.name = masked.caption = name
        return masked


def take_files(widget: Any) -> list[tuple[bytes, str, str]]:
    """Take content, MIME type and name of what was uploaded out of a widget, whose saved state has it."""
    files, widget.value = widget.value, ()
    contents = [bytes(file["content"]) for file in files]
    found = [(upright(data) or data, file) for data, file in zip(contents, files, strict=True)]
    return [
        (data, sniff(data[:HEAD]) or str(file.get("type") or ""), Path(str(file["name"])).name or "upload")
        for data, file in found
    ]


def to_python(model: str, input: Mapping[str, Any], *, connect: str = "sky.connect()") -> str:
    """Write the Python that does what *Generate* does.

    ``connect`` is the expression that makes the client.
    """
    without_path: list[str] = []
    input = {str(name): in_a_file(value, str(name), without_path) for name, value in input.items()}
    lines = [f"        {literal(str(name))}: {literal(value, 8)}," for name, value in input.items()]
    body = "{\n" + "\n".join(lines) + "\n    }" if lines else "{}"
    code = f"client = {connect}\nclient.predictions.create(\n    {literal(model)},\n    {body},\n)"
    if without_path:
        names = ", ".join(without_path)
        code = f"# What has no path, since it was uploaded or in memory: save it as {names}.\n{code}"
    system = "import os\n\n" if "os.environ[" in code else ""
    paths = "from pathlib import Path\n\n" if "Path(" in code else ""
    return f"{system}{paths}import skytells_nb as sky\n\n{code}"


def in_a_file(value: Any, name: str, named: list[str]) -> Any:
    """Replace pictures and bytes, which no code can spell, by files of a name that tells what they are.

    What has no path goes into ``named``, uploads too.
    """
    if isinstance(value, list | tuple):
        return [in_a_file(item, f"{name}_{at}", named) for at, item in enumerate(value, 1)]
    if isinstance(value, Mapping):
        return {key: in_a_file(item, f"{name}_{key}", named) for key, item in value.items()}
    if callable(getattr(value, "read", None)):  # an open file, or what stands for one
        path, held = getattr(value, "name", None), getattr(value, "getvalue", bytes)
        value = Path(path) if isinstance(path, str) else held()
    if isinstance(value, Upload):
        named.append(value.name)
    elif isinstance(value, bytes):
        value = Path(name + (guess_extension(sniff(value[:4096]) or "") or ".bin"))
        named.append(str(value))
    elif hasattr(value, "shape") or (hasattr(value, "mode") and hasattr(value, "save")):
        value = Path(f"{name}.png")
        named.append(str(value))
    return value


def connect_line(connection: Connection) -> str:
    """Write the Python that connects as this connection does; the key is not in it."""
    if connection.account.sandbox or connection.origin == DEFAULT_BASE_URL:
        return "sky.connect()"
    return f"sky.connect(base_url={literal(connection.origin)})"


def literal(value: Any, indent: int = 0) -> str:
    """Write a value as Python, in double quotes, over several lines where one is too short."""
    if isinstance(value, MaskedStr):
        return value.code
    if isinstance(value, str):
        # JSON leaves overrides of direction, under which code reads as other code (CVE-2021-42574).
        written = json.dumps(value, ensure_ascii=False)
        return written if written.isprintable() else repr(value)
    if isinstance(value, Prediction):
        return f"client.predictions.get({literal(value.id)})"
    if isinstance(value, Path):
        return f"Path({literal(os.fspath(value))})"
    if inspect.isroutine(value):
        return value.__name__  # a tool of the user's own
    inside = " " * (indent + 4)
    if isinstance(value, Mapping):
        parts = [f"{literal(str(name))}: {literal(item, indent + 4)}" for name, item in value.items()]
        opening, closing = "{", "}"
    elif isinstance(value, list | tuple):
        parts = [literal(item, indent + 4) for item in value]
        opening, closing = "[", "]"
    else:
        return repr(value)
    line = opening + ", ".join(parts) + closing
    if len(line) + indent <= _WIDTH and "\n" not in line:
        return line
    return opening + "".join(f"\n{inside}{part}," for part in parts) + f"\n{' ' * indent}{closing}"


def to_json(model: str, input: Mapping[str, Any]) -> str:
    """Write what will be sent as JSON; secrets are masked, and files and endless texts cut."""

    def named(value: object) -> str:
        return f"<the file {value}>" if isinstance(value, Path) else f"<{type(value).__name__}>"

    sent = {"model": model, "input": _shown(input)}
    return json.dumps(sent, ensure_ascii=False, indent=2, default=named)


def _shown(value: Any) -> Any:
    if isinstance(value, MaskedStr):
        return value.shown
    if isinstance(value, str) and len(value) > _LONG:
        return f"{value[:_LONG]}… ({len(value):,} characters)"
    if isinstance(value, Mapping):
        return {str(name): _shown(item) for name, item in value.items()}
    return [_shown(item) for item in value] if isinstance(value, list | tuple) else value
