"""``%%skytells``: a cell that is a prompt; and ``%skytells_spend``.

    %load_ext skytells_nb

    %%skytells truefusion-pro --width 1024 --seed 7 -o picture
    a {animal} in snow, soft morning light

Nothing of IPython is imported here: the shell is handed in when the extension is loaded. What goes wrong is
said in one line, since the traceback of a magic helps nobody.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ._options import options
from .aio import run
from .client import client_of
from .exceptions import NotFoundError, SkytellsError
from .forms import Field, fields_from_schema
from .models import Model, Prediction
from .pricing import estimate
from .progress import bar
from .schema import as_text, check, closest, closest_model

__all__ = ["MagicError", "Order", "filled", "load_ipython_extension", "parse"]

_FILL: Final = re.compile(r"\{\{|\}\}|\{([A-Za-z_]\w*)\}|\{([A-Za-z_]\w*)[.\[(!:][^{}]*\}")
_NUMBER: Final = re.compile(r"-\d")
_COMPLETION_PATIENCE: Final = 3.0
_USAGE: Final = (
    "Write %%skytells MODEL [--input VALUE …] [-o NAME] [--form] [--estimate], and the prompt below."
)

_unsaid: list[str] = []


class MagicError(SkytellsError):
    """Something went wrong in a magic; a notebook shows it as one line."""

    def _render_traceback_(self) -> list[str]:
        return [" ".join(self.message.split())]


@dataclass(frozen=True, slots=True)
class Order:
    """What the first line of a cell asks for.

    Attributes
    ----------
    model : str
        The model's slug.
    given : dict
        Inputs as they were typed; True for one without a value, a list for one that came several times.
    output : str or None
        The variable that takes the prediction.
    form, estimate : bool
        Whether only a form, or only a price, is wanted.
    """

    model: str
    given: dict[str, Any] = field(default_factory=dict)
    output: str | None = None
    form: bool = False
    estimate: bool = False


def load_ipython_extension(ipython: Any) -> None:
    """Register the magics with a shell, as ``%load_ext skytells_nb`` does.

    Parameters
    ----------
    ipython : IPython.core.interactiveshell.InteractiveShell
        The shell.

    Examples
    --------
    >>> from skytells_nb._magics import load_ipython_extension
    >>> class Shell:
    ...     user_ns = {}
    ...     def register_magic_function(self, function, kind, name):
    ...         print(kind, name)
    ...     def set_hook(self, name, hook, str_key): ...
    >>> load_ipython_extension(Shell())
    cell skytells
    line skytells_spend
    """

    def skytells(line: str, cell: str) -> object:
        """Create a prediction of the model named on the first line, from the prompt below it."""
        return _said_in_a_line(lambda: _create(ipython, line, cell))

    def skytells_spend(line: str) -> None:
        """Sum up what was spent; ``%skytells_spend status D`` by another column, and by day."""
        _said_in_a_line(lambda: _spend(line))

    ipython.register_magic_function(skytells, "cell", "skytells")
    ipython.register_magic_function(skytells_spend, "line", "skytells_spend")
    for key in ("%%skytells", "skytells"):
        ipython.set_hook("complete_command", _complete, str_key=key)


def parse(line: str) -> Order:
    """Read the first line of a cell.

    Raises
    ------
    MagicError
        It names no model, or cannot be read. Nothing was sent.

    Examples
    --------
    >>> from skytells_nb._magics import parse
    >>> parse("truefusion-pro --width 1024 --seed=7 --optimize -o picture").given
    {'width': '1024', 'seed': '7', 'optimize': True}
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise MagicError(f"This line cannot be read ({error}). Nothing was sent. {_USAGE}") from None
    model, output, given = "", None, dict[str, Any]()
    form = only_estimate = False
    while words:
        word = words.pop(0)
        if word == "-o":
            output = words.pop(0) if words else ""
            if not output.isidentifier():
                raise MagicError(f"-o takes the name of a variable, not {output!r}. Nothing was sent.")
        elif word == "--form":
            form = True
        elif word == "--estimate":
            only_estimate = True
        elif word.startswith("--") and len(word) > 2:
            name, given_here, value = word[2:].partition("=")
            taken: Any = value if given_here else _value(words)
            _add(given, name.replace("-", "_"), taken)
        elif model or word.startswith("-"):
            raise MagicError(f"{word!r} is not understood. Nothing was sent. {_USAGE}")
        else:
            model = word
    if not model:
        raise MagicError(f"No model is named. Nothing was sent. {_USAGE}")
    return Order(model, given, output, form, only_estimate)


def filled(text: str, variables: Mapping[str, Any]) -> str:
    """Fill ``{name}`` in from variables; ``{{`` and ``}}`` are the braces themselves.

    Raises
    ------
    MagicError
        There is no such variable, or more than its name is asked for. Nothing was sent.

    Examples
    --------
    >>> from skytells_nb._magics import filled
    >>> filled("a {animal} in {{snow}}", {"animal": "red fox"})
    'a red fox in {snow}'
    """

    def fill(found: re.Match[str]) -> str:
        name, beginning = found.groups()
        if beginning is not None:
            if beginning not in variables:
                return found[0]
            raise MagicError(
                f"The prompt has {found[0]}, and only a name is filled in. Nothing was sent. Give it a "
                f"name of its own, or write {{{found[0]}}} for the braces themselves.",
                charged=False,
            )
        if name is None:
            return found[0][0]
        if name not in variables:
            raise MagicError(
                f"The prompt has {{{name}}}, and there is no variable {name}. Nothing was sent. "
                f"Set it, or write {{{{{name}}}}} for the braces themselves."
            )
        return str(variables[name])

    return _FILL.sub(fill, text)


def _value(words: list[str]) -> Any:
    if not words or (words[0].startswith("-") and not _NUMBER.match(words[0])):
        return True
    return words.pop(0)


def _add(given: dict[str, Any], name: str, value: Any) -> None:
    if name in given:
        earlier = given[name]
        given[name] = [*(earlier if isinstance(earlier, list) else [earlier]), value]
    else:
        given[name] = value


def _said_in_a_line(work: Callable[[], object]) -> object:
    try:
        return work()
    except MagicError:
        raise
    except SkytellsError as error:
        raise MagicError(f"{type(error).__name__}: {error.message}", charged=error.charged) from None


def _create(ipython: Any, line: str, cell: str) -> object:
    order = parse(line)
    client = client_of(None).as_sync()
    while _unsaid:
        print(_unsaid.pop(0), end="")  # noqa: T201 - which API this is must be said
    model = _model(client, order.model)
    input = _input(model, order.given, filled(cell.strip("\n"), ipython.user_ns))
    if order.form:
        from .forms import PromptForm

        form = PromptForm(model, client=client)
        form.value = input
        return _kept(ipython, order, form)
    if order.estimate:
        return _kept(ipython, order, estimate(model, input))
    if told := as_text(check(input, model.input_schema)):
        raise MagicError(f"{told} Nothing was sent.", charged=False)
    with bar(1, model.id, enabled=bool(options.progress)) as shown:

        def move(prediction: Prediction) -> None:
            shown.update(running=int(not prediction.done), done=int(prediction.done))

        return _kept(ipython, order, client.predictions.create(model.id, input, on_progress=move))


def _kept(ipython: Any, order: Order, made: object) -> object:
    if order.output is not None:
        ipython.user_ns[order.output] = made
    return made


def _model(client: Any, slug: str) -> Model:
    try:
        found: Model = client.models.get(slug)
    except NotFoundError:
        models = client.models.list()
        _, near = closest_model(slug, models)
        there_are = f"There are {', '.join(model.id for model in models)}."
        hint = there_are if near is None else f"Did you mean {near.id!r}?"
        raise MagicError(f"There is no model {slug!r}. Nothing was sent. {hint}", charged=False) from None
    return found


def _input(model: Model, given: Mapping[str, Any], prompt: str) -> dict[str, Any]:
    fields = {field.name: field for field in fields_from_schema(model.input_schema).fields}
    input: dict[str, Any] = {
        name: field.default for name, field in fields.items() if field.kind == "fixed" and name
    }
    if prompt.strip():
        input[_prompt_name(model, fields.values())] = prompt
    for name, typed in given.items():
        if name not in fields and "" not in fields:
            near = closest(name, fields)
            hint = f"It has {', '.join(fields)}." if near is None else f"Did you mean --{near}?"
            raise MagicError(f"{model.id} has no input {name!r}. Nothing was sent. {hint}", charged=False)
        input[name] = _read_as(fields.get(name), name, typed)
    return input


def _prompt_name(model: Model, fields: Iterable[Field]) -> str:
    known = list(fields)
    written = [field for field in known if field.kind in ("prose", "text")]
    first = next((field for field in written if field.place == "prompt"), None)
    first = first or next((field for field in written if field.required), None)
    if first is None and any(not field.name for field in known):
        return "prompt"
    if first is None:
        names = ", ".join(f"--{field.name}" for field in known if field.place != "hidden")
        raise MagicError(
            f"{model.id} takes no prompt. Nothing was sent. Leave the cell empty, and give {names}.",
            charged=False,
        )
    return first.name


def _read_as(field: Field | None, name: str, typed: Any) -> Any:
    """Read what was typed as the field takes it."""
    kind = "json" if field is None else field.kind
    if field is not None and kind in ("medias", "lines", "choices"):
        items = typed if isinstance(typed, list) else [typed]
        return [_one(field, "media" if kind == "medias" else kind, name, item) for item in items]
    return _one(field, kind, name, typed[-1] if isinstance(typed, list) else typed)


def _one(field: Field | None, kind: str, name: str, typed: Any) -> Any:
    if typed is True and kind not in ("checkbox", "choice", "json"):
        raise MagicError(f"--{name} needs a value. Nothing was sent.", charged=False)
    if kind in ("slider", "number", "seed"):
        return _a_number(name, str(typed), whole=field is not None and field.integer)
    if kind == "checkbox":
        return typed if typed is True else _truth(name, str(typed))
    if kind in ("choice", "choices") and field is not None:
        for label, value in field.choices:
            if value is typed or str(typed).lower() in (label.lower(), str(value).lower()):
                return value
        labels = ", ".join(label for label, _ in field.choices)
        raise MagicError(f"--{name} is one of {labels}, not {typed}. Nothing was sent.", charged=False)
    if kind == "media":
        return typed if re.match("(?i)https?://|data:", typed) else Path(typed)
    if kind in ("json", "group", "custom") and isinstance(typed, str):
        try:
            return json.loads(typed)
        except ValueError:
            if field is None or not field.schema.get("type"):
                return typed
            raise MagicError(
                f"--{name} takes JSON, not {typed[:80]}. Nothing was sent.", charged=False
            ) from None
    return typed


def _a_number(name: str, typed: str, *, whole: bool) -> int | float:
    try:
        return int(typed) if whole else int(typed) if re.fullmatch(r"[+-]?\d+", typed) else float(typed)
    except ValueError:
        what = "a whole number" if whole else "a number"
        raise MagicError(f"--{name} takes {what}, not {typed!r}. Nothing was sent.", charged=False) from None


def _truth(name: str, typed: str) -> bool:
    word = typed.lower()
    if word in ("true", "yes", "on", "1"):
        return True
    if word in ("false", "no", "off", "0"):
        return False
    raise MagicError(f"--{name} is true or false, not {typed!r}. Nothing was sent.", charged=False)


def _spend(line: str) -> None:
    from .frames import spend_table

    words = line.split()
    client = client_of(None).as_sync()
    source = client if client.archive is None else client.archive
    by, freq = (words[0] if words else "model"), (words[1] if len(words) > 1 else None)
    print(spend_table(source, by, freq))  # noqa: T201 - a magic's answer


def _complete(shell: Any, event: Any) -> Sequence[str]:
    """Complete the model's slug, then the names of its inputs; gives up after a moment."""
    del shell
    try:
        words = event.line[: len(event.text_until_cursor)].split()
        at_model = len(words) < 2 or (len(words) == 2 and not event.text_until_cursor.endswith(" "))
        with redirect_stdout(io.StringIO()) as said:  # a front end shows nothing of what completing prints
            client = client_of(None)
        _unsaid.append(said.getvalue())
        if at_model:
            models = run(asyncio.wait_for(client.models.list(), _COMPLETION_PATIENCE))
            return [model.id for model in models]
        model = run(asyncio.wait_for(client.models.get(words[1]), _COMPLETION_PATIENCE))
        names = [
            field.name for field in fields_from_schema(model.input_schema).fields if field.place != "hidden"
        ]
        return [*(f"--{name}" for name in names if name), "--form", "--estimate"]
    except (SkytellsError, TimeoutError):
        return []
