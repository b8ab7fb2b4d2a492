"""``%%skytells``: a cell that is a prompt; and ``%skytells_spend``.

    %load_ext skytells_nb

    %%skytells truefusion-pro --width 1024 --seed 7 -o picture
    a {animal} in snow, soft morning light

    %%skytells gpt-5 --system "Be brief." -o answer
    Why is the sea blue?

    %skytells sandbox-upscaler --image fox.png

A model without a prompt has no cell below, which is why ``%skytells`` is a line, too. Nothing of IPython is
imported here: the shell is handed in when the extension is loaded. Errors are one line, since the traceback
of a magic helps nobody.
"""

from __future__ import annotations

import io
import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, assert_never

from . import _tracebacks
from ._completion import known_models, matcher, register
from ._options import options
from .aio import bar
from .api import client_of, session_costs
from .display import show
from .exceptions import NotFoundError, SkytellsError
from .formatting import format_cost, money_unit
from .forms import Field, FieldKind, fields_from_schema
from .models import ChatCompletion, Model, Prediction, Response
from .pricing import estimate
from .schema import UNSET, as_text, check, closest_input

_FILL: Final = re.compile(r"\{\{|\}\}|\{([A-Za-z_]\w*)\}|\{([A-Za-z_]\w*)[.\[(!:][^{}]*\}")
_NUMBER: Final = re.compile(r"-\d")  # a value, as in ``--seed -5``, and no option
_USAGE: Final = (
    "Write %%skytells MODEL [--input VALUE …] [-o NAME] [--form] [--estimate] [--reuse], and the prompt "
    "below."
)

# What `connect()` said while Tab was pressed, when a front end shows nothing; said by the next cell.
_pending_output: list[str] = []


class MagicError(SkytellsError):
    """Something went wrong in a magic, most often before anything was sent; shown as one line."""

    def __init__(self, message: str = "", *, charged: bool | None = False) -> None:
        super().__init__(message, charged=charged)

    def _render_traceback_(self) -> list[str]:
        return [" ".join(self.message.split())]


@dataclass(frozen=True, slots=True)
class MagicArgs:
    """What the first line of a cell asks for."""

    model: str
    # inputs as they were typed; True for one without a value, a list for one that came several times
    given: dict[str, Any] = field(default_factory=dict)
    output: str | None = None  # the variable that takes the prediction
    form: bool = False
    estimate: bool = False
    reuse: bool | None = None  # None leaves it to ``sky.options.reuse``


def load_ipython_extension(ipython: Any) -> None:
    """Register the magics with a shell, as ``%load_ext skytells_nb`` does."""

    def skytells(line: str, cell: str = "") -> object:
        """Create a prediction of the model named on the first line, from the prompt below it."""
        return _with_short_errors(lambda: _create(ipython, line, cell))

    def skytells_spend(line: str) -> None:
        """Sum up what was spent; ``%skytells_spend status D`` by another column, and by day."""
        _with_short_errors(lambda: _spend(line))

    ipython.register_magic_function(skytells, "line_cell", "skytells")
    ipython.register_magic_function(skytells_spend, "line", "skytells_spend")
    register(ipython, _match_line)
    _tracebacks.install()


def parse(line: str) -> MagicArgs:
    """Read the first line of a cell; MagicError where it names no model, or cannot be read.

    Nothing was sent.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise MagicError(f"This line cannot be read ({error}). Nothing was sent. {_USAGE}") from None
    model, output, given = "", None, dict[str, Any]()
    form = only_estimate = False
    reuse: bool | None = None
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
        elif word in ("--reuse", "--no-reuse"):
            reuse = word == "--reuse"
        elif word.startswith("--") and len(word) > 2:
            name, given_here, value = word[2:].partition("=")
            taken: Any = value
            if not given_here:
                is_flag = not words or (words[0].startswith("-") and not _NUMBER.match(words[0]))
                taken = True if is_flag else words.pop(0)
            name = name.replace("-", "_")
            if name in given:
                earlier = given[name]
                taken = [*(earlier if isinstance(earlier, list) else [earlier]), taken]
            given[name] = taken
        elif model or word.startswith("-"):
            raise MagicError(f"{word!r} is not understood. Nothing was sent. {_USAGE}")
        else:
            model = word
    if not model:
        raise MagicError(f"No model is named. Nothing was sent. {_USAGE}")
    return MagicArgs(model, given, output, form, only_estimate, reuse)


def fill_in(text: str, variables: Mapping[str, Any]) -> str:
    """Fill ``{name}`` in from variables; ``{{`` and ``}}`` are the braces themselves.

    MagicError where there is no such variable, or more than its name is asked for. Nothing was sent.
    """

    def fill(found: re.Match[str]) -> str:
        name, beginning = found.groups()
        if beginning is not None:
            if beginning not in variables:
                return found[0]
            raise MagicError(
                f"The prompt has {found[0]}, and only a name is filled in. Nothing was sent. Give it a "
                f"name of its own, or write {{{found[0]}}} for the braces themselves."
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


def _with_short_errors(work: Callable[[], object]) -> object:
    try:
        return work()
    except MagicError:
        raise
    except SkytellsError as error:
        unsent = error.charged is False and error.status_code is None and "Nothing was sent" not in str(error)
        effect = " Nothing was sent." if unsent else ""
        raise MagicError(f"{type(error).__name__}: {error.message}{effect}", charged=error.charged) from None


def _create(ipython: Any, line: str, cell: str) -> object:
    args = parse(line)
    client = client_of(None).as_sync()
    while _pending_output:
        print(_pending_output.pop(0), end="")  # noqa: T201 - which API this is must be said
    model = _model(client, args.model)
    if model.text_route is not None:
        made = _assign(ipython, args, _ask(client, model, args, fill_in(cell, ipython.user_ns)))
        return None if isinstance(made, ChatCompletion | Response) else made  # it has been shown already
    input = _input(model, args.given, fill_in(cell.strip("\n"), ipython.user_ns))
    if args.form:
        from .forms import PromptForm

        form = PromptForm(model, client=client, reuse=args.reuse)
        form.value = input
        return _assign(ipython, args, form)
    if args.estimate:
        return _assign(ipython, args, estimate(model, input))
    if problems := as_text(check(input, model.input_schema)):
        raise MagicError(f"{problems} Nothing was sent.")
    with bar(1, model.id, enabled=bool(options.progress)) as shown:

        def move(prediction: Prediction) -> None:
            shown.update(running=int(not prediction.done), done=int(prediction.done))

        made = client.predictions.create(model.id, input, on_progress=move, reuse=args.reuse)
        shown.update(running=0, done=1, reused=int(made.reused))
    return _assign(ipython, args, made)


def _ask(client: Any, model: Model, args: MagicArgs, cell: str) -> object:
    """Ask a text model, and let its answer grow where the cell's output stands."""
    params = {name: _parse_param(value) for name, value in args.given.items()}
    from .api import check_text_names  # which who asks no text model shall not wait for

    check_text_names(params)
    earlier = params.pop("messages", [])
    if not isinstance(earlier, list):
        raise MagicError("--messages takes JSON, a list of messages. Nothing was sent.")
    if "system" in params:
        earlier = [{"role": "system", "content": str(params.pop("system"))}, *earlier]
    prompt = cell.strip()
    if not prompt and not earlier:
        raise MagicError("The cell is empty. Write below its first line what to ask.")
    messages = [*earlier, {"role": "user", "content": prompt}] if prompt else earlier
    if args.estimate:
        return estimate(model, {"messages": messages, **params})
    if args.form:
        from .forms import Chat

        system = next((each["content"] for each in earlier if each.get("role") == "system"), None)
        chat = Chat(model, system, client=client, **params)
        chat.send(prompt)
        return chat
    if model.text_route == "embeddings":
        return client.embeddings.create(model.id, prompt, **params)
    text = client.chat.completions if model.text_route == "chat" else client.responses
    if options.reuse if args.reuse is None else args.reuse:
        answer: ChatCompletion | Response = text.create(model.id, messages, reuse=args.reuse, **params)
        show(answer)
        return answer
    stream = text.create(model.id, messages, stream=True, **params)
    show(stream)
    return stream.completion


def _parse_param(typed: Any) -> Any:
    """Read a parameter of a text route, of which there is no schema: JSON where it is some, else a text."""
    if isinstance(typed, list):
        return [_parse_param(each) for each in typed]
    try:
        return json.loads(typed) if isinstance(typed, str) else typed
    except ValueError:
        return typed


def _assign(ipython: Any, args: MagicArgs, made: object) -> object:
    if args.output is not None:
        ipython.user_ns[args.output] = made
    return made


def _model(client: Any, slug: str) -> Model:
    try:
        found: Model = client.models.get(slug)
    except NotFoundError as error:
        if "Did you mean" in error.message:
            raise MagicError(f"{error.message} Nothing was sent.") from None
        there_are = ", ".join(model.id for model in client.models.list())
        text = f"There is no model {slug!r}. Nothing was sent. There are {there_are}."
        raise MagicError(text) from None
    return found


def _input(model: Model, given: Mapping[str, Any], prompt: str) -> dict[str, Any]:
    fields = {field.name: field for field in fields_from_schema(model.input_schema).fields}
    anything = any(field.kind == "whole" for field in fields.values())
    input = {name: field.implied for name, field in fields.items() if field.implied not in (UNSET, None)}
    if prompt.strip():
        input[_prompt_name(model, fields.values())] = prompt
    for name, typed in given.items():
        if name not in fields and not anything:
            near = closest_input(name, fields)
            hint = f"It has {', '.join(fields)}." if near is None else f"Did you mean --{near}?"
            raise MagicError(f"{model.id} has no input {name!r}. Nothing was sent. {hint}")
        input[name] = _parse_value(fields.get(name, Field(name=name, kind="json")), typed)
    return input


def _prompt_name(model: Model, fields: Iterable[Field]) -> str:
    known = list(fields)
    written = [field for field in known if field.kind in ("prose", "text")]
    first = next((field for field in written if field.place == "prompt"), None)
    first = first or next((field for field in written if field.required), None)
    if first is None and any(field.kind == "whole" for field in known):
        return "prompt"
    if first is None:
        names = ", ".join(f"--{field.name}" for field in known if field.place != "hidden")
        raise MagicError(
            f"{model.id} takes no prompt. Nothing was sent. Write %skytells {model.id} on a line of its own, "
            f"with {names}."
        )
    return first.name


def _parse_value(field: Field, typed: Any) -> Any:
    """Read what was typed as the field's control would."""
    if field.kind in ("rows", "lines", "choices"):
        texts = typed if isinstance(typed, list) else [typed]
        if len(texts) == 1 and str(texts[0]).lstrip().startswith("["):
            return _parse_json(field, texts[0])
        kinds: dict[FieldKind, FieldKind] = {"lines": "text", "choices": "choice"}
        item = field.item or replace(field, kind=kinds.get(field.kind, "json"))
        return [_parse_value(replace(item, name=field.name), text) for text in texts]
    typed = typed[-1] if isinstance(typed, list) else typed
    if field.kind == "variants":
        return _parse_variant(field, typed)
    if typed is True and field.kind not in ("checkbox", "choice", "json"):
        raise MagicError(f"--{field.name} needs a value. Nothing was sent.")
    match field.kind:
        case "slider" | "number" | "seed":
            return _parse_number(field, str(typed))
        case "checkbox":
            return typed if typed is True else _parse_bool(field, str(typed))
        case "choice":
            return _parse_choice(field, typed)
        case "media":
            return typed if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", typed) else Path(typed)
        case "json" | "group" | "pairs" | "places" | "custom":
            return _parse_json(field, typed)
        case "text" | "prose" | "secret" | "suggestions" | "colour" | "fixed" | "whole":
            return typed
        case "rows" | "lines" | "choices" | "variants":  # handled above
            raise AssertionError(field.kind)
        case _:
            assert_never(field.kind)


def _parse_variant(field: Field, typed: Any) -> Any:
    problem: MagicError | None = None
    for variant in field.fields:
        try:
            return _parse_value(replace(variant, name=field.name), typed)
        except MagicError as error:
            problem = problem or error
    raise problem or MagicError(f"--{field.name} takes no value. Nothing was sent.")


def _parse_json(field: Field, typed: Any) -> Any:
    if not isinstance(typed, str):
        return typed
    try:
        return json.loads(typed)
    except ValueError:
        if field.source is None or not field.source.types:
            return typed
        raise MagicError(f"--{field.name} takes JSON, not {typed[:80]}. Nothing was sent.") from None


def _parse_choice(field: Field, typed: Any) -> Any:
    for label, value in field.choices:
        if value is typed or str(typed).lower() in (label.lower(), str(value).lower()):
            return value
    labels = ", ".join(label for label, _ in field.choices)
    raise MagicError(f"--{field.name} is one of {labels}, not {typed}. Nothing was sent.")


def _parse_number(field: Field, typed: str) -> int | float:
    try:
        whole = field.integer or re.fullmatch(r"[+-]?\d+", typed)
        return int(typed) if whole else float(typed)
    except ValueError:
        what = "a whole number" if field.integer else "a number"
        raise MagicError(f"--{field.name} takes {what}, not {typed!r}. Nothing was sent.") from None


def _parse_bool(field: Field, typed: str) -> bool:
    word = typed.lower()
    if word in ("true", "yes", "on", "1"):
        return True
    if word in ("false", "no", "off", "0"):
        return False
    raise MagicError(f"--{field.name} is true or false, not {typed!r}. Nothing was sent.")


def _spend(line: str) -> None:
    from .frames import spend_table

    words = line.split()
    client = client_of(None).as_sync()
    source = client if client.archive is None else client.archive
    by, freq = (words[0] if words else "model"), (words[1] if len(words) > 1 else None)
    account = client.connection.account
    session = format_cost(session_costs.spent(account.origin), money_unit(account.sandbox))
    print(spend_table(source, by, freq))  # noqa: T201 - a magic's answer
    print(f"This session so far: {session}")  # noqa: T201 - a magic's answer


def complete(line: str) -> list[str]:
    """Return what can stand at the end of the first line of a cell; nothing where the API is too slow.

    The model's slug first, then the names of its inputs, and after one of these its choices.
    """
    *before, word = line.split(" ")
    words = [each for each in before if each]
    try:
        with redirect_stdout(io.StringIO()) as printed:  # a front end shows nothing of what completing prints
            connection = client_of(None).connection
    except SkytellsError:
        return []
    _pending_output.append(printed.getvalue())
    if len(words) < 2:
        return [model.id for model in known_models(connection) if model.id.startswith(word)]
    named = known_models(connection, words[1])
    if not named:
        return []
    fields = {
        field.name: field
        for field in fields_from_schema(named[0].input_schema).fields
        if field.place != "hidden" and field.name
    }
    asked = fields.get(words[-1].removeprefix("--").replace("-", "_")) if words[-1].startswith("--") else None
    if asked is not None and asked.choices:
        options = [shlex.quote(str(value)) for _, value in asked.choices]
    else:
        options = [*(f"--{name}" for name in fields), "--form", "--estimate", "--reuse"]
    return [option for option in options if option.startswith(word)]


def _complete_first_line(cell: str) -> tuple[str, list[str]]:
    found = complete(cell) if re.match(r"%%?skytells\s[^\n]*$", cell) else []
    return cell.rpartition(" ")[2], found


_match_line: Final = matcher("skytells_nb", "magic", _complete_first_line)
