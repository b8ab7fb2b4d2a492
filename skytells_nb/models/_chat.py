"""What text models answer with: completions of a chat, their choices, usage, filters and tool calls.

Plain values, read from any documented shape (skytells-api-text.md sections 2, 7 and 8): a field of the wrong
type becomes None and stays in ``raw``, a word that nobody knows yet is kept as it came.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from ..exceptions import InvalidInputError, SkytellsError
from ..plaintext import clean
from ._finished import Drawn, Finished
from ._parse import parse_amount, parse_content, parse_count, parse_mapping, parse_number, parse_text
from ._prediction import Metrics, Prediction
from ._status import Status

if TYPE_CHECKING:
    from ._response import Response


@dataclass(frozen=True, slots=True)
class Usage:
    """The tokens that a call is billed for; None where the API does not say, which is not zero.

    Attributes
    ----------
    input_tokens, output_tokens, total_tokens : int or None
        Read, written (hidden reasoning among them), and both.
    cached_tokens, reasoning_tokens : int or None
        How many of those read were cached, and of those written were reasoning.
    raw : dict
        As it came.

    Examples
    --------
    >>> from skytells_nb.models import Usage
    >>> Usage.from_api({"prompt_tokens": 41, "completion_tokens": 66}).total_tokens
    107
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    raw: dict[str, Any] = field(default_factory=dict, repr=False)

    __hash__ = None  # type: ignore[assignment]  # holds dicts; typeshed marks list so

    @classmethod
    def from_api(cls, raw: object) -> Self | None:
        """Read a ``usage`` in the spelling of any route; None where it counts nothing.

        Of read, written and both, one that is missing follows from the others. Where both are more than the
        two together, reasoning was counted beside what was written, and is written, too.
        """
        found = parse_mapping(raw) or {}
        read = _first_count(found, "prompt_tokens", "input_tokens")
        written = _first_count(found, "completion_tokens", "output_tokens")
        total = _first_count(found, "total_tokens")
        if read is None and written is None and total is None:
            return None
        if total is None and read is not None and written is not None:
            total = read + written
        elif total is not None and read is not None:
            written = max(written or 0, total - read)
        elif total is not None and written is not None and total >= written:
            read = total - written
        inner = parse_mapping(found.get("prompt_tokens_details") or found.get("input_tokens_details")) or {}
        outer = parse_mapping(found.get("completion_tokens_details") or found.get("output_tokens_details"))
        return cls(
            read,
            written,
            total,
            _first_count(inner, "cached_tokens"),
            _first_count(outer or {}, "reasoning_tokens"),
            found,
        )

    @property
    def prompt_tokens(self) -> int | None:
        """``input_tokens``, as the chat route calls them."""
        return self.input_tokens

    @property
    def completion_tokens(self) -> int | None:
        """``output_tokens``, as the chat route calls them."""
        return self.output_tokens


@dataclass(frozen=True, slots=True)
class Filter:
    """What a content filter said of the prompt or of the answer.

    Attributes
    ----------
    category : str
        ``hate``, ``sexual``, ``violence``, ``self_harm``, ``jailbreak``, ``protected_material_code``,
        ``protected_material_text``, or one that is newer.
    side : {"prompt", "completion"}
        Which text it looked at.
    filtered : bool
        Whether it struck.
    severity : str or None
        ``safe``, ``low``, ``medium`` or ``high``, where it grades.
    detected : bool or None
        What it found, where it does not grade.
    """

    category: str
    side: Literal["prompt", "completion"]
    filtered: bool
    severity: str | None = None
    detected: bool | None = None

    def __str__(self) -> str:
        return f"{self.category}: {self.severity}" if self.severity else self.category


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function that the model wants called, or in a stream a piece of such a wish.

    Attributes
    ----------
    id, name : str or None
        What the result has to name; the function. In a stream only the first piece has them.
    arguments : str
        JSON as the model wrote it, which may be broken: see `parsed`.
    index : int
        Which of the calls of one turn it is.
    """

    id: str | None
    name: str | None
    arguments: str = ""
    index: int = 0

    @property
    def parsed(self) -> dict[str, Any]:
        """The arguments as a dict.

        Raises
        ------
        InvalidInputError
            The model wrote no JSON object, or was cut off in the middle of it.
        """
        try:
            found = json.loads(self.arguments or "{}")
            if isinstance(found, dict):
                return found
            why = "they are no object"
        except (ValueError, RecursionError) as error:
            why = str(error)
        raise InvalidInputError(
            f"The arguments of {self.name!r} cannot be read as JSON: {why}. The model may have been cut off: "
            "raise max_tokens, or ask again.",
            detail=self.arguments,
            charged=None,
        )

    def result(self, value: object) -> dict[str, Any]:
        """Return the message that tells the model what the function returned: a text, or anything as JSON."""
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        return {"role": "tool", "tool_call_id": self.id, "content": text}


class Piece(NamedTuple):
    """A piece of a stream, as it arrived.

    Attributes
    ----------
    text : str
        What was written; empty in a piece that only says something else.
    raw : dict
        The event as it came.
    tool_calls : tuple of ToolCall
        Pieces of tool calls; their ``arguments`` are to be appended.
    finish_reason : str or None
        Why the choice ended, in its last piece.
    choice : int
        The index of the choice that it belongs to, where several were asked for.
    refusal : str
        Words of a refusal.
    type : str
        The event's type on the responses route; empty on the chat route.
    """

    text: str
    raw: dict[str, Any]
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    choice: int = 0
    refusal: str = ""
    type: str = ""

    def __repr__(self) -> str:
        said = [f"{name}={value!r}" for name, value in self._asdict().items() if value and name not in _SAID]
        return f"Piece({', '.join([repr(self.text), *said])})"


_SAID = ("text", "raw")


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the answers of a completion.

    Attributes
    ----------
    index : int
        Its place.
    text : str
        What was written; empty where there is none, as with tool calls.
    finish_reason : str or None
        ``stop``, ``length``, ``tool_calls``, ``content_filter``; None where it was cut off.
    refusal : str or None
        Why the model would not.
    tool_calls : tuple of ToolCall
        What it wants called.
    filters : tuple of Filter
        What the content filters said of it.
    logprobs : object
        As it came.
    """

    index: int
    text: str = ""
    finish_reason: str | None = None
    refusal: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    filters: tuple[Filter, ...] = ()
    logprobs: Any = None

    __hash__ = None  # type: ignore[assignment]  # holds dicts; typeshed marks list so

    @classmethod
    def from_api(cls, raw: Mapping[str, Any], place: int = 0) -> Self:
        """Read one entry of ``choices``."""
        message = parse_mapping(raw.get("message")) or {"content": raw.get("text")}
        called = parse_mapping(message.get("function_call"))  # as it was before there were tools
        index = parse_count(raw.get("index"))
        return cls(
            index=place if index is None else index,
            text=parse_content(message.get("content")),
            finish_reason=parse_text(raw.get("finish_reason")),
            refusal=parse_text(message.get("refusal")) or None,
            tool_calls=parse_tool_calls(message.get("tool_calls") or (called and [{"function": called}])),
            filters=parse_filters(raw.get("content_filter_results"), "completion"),
            logprobs=raw.get("logprobs"),
        )

    @property
    def message(self) -> dict[str, Any]:
        """The message that stands for it in the next request's ``messages``."""
        message: dict[str, Any] = {"role": "assistant", "content": self.text or None}
        if self.tool_calls:
            message["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for call in self.tool_calls
            ]
        elif not self.text:
            message["content"] = self.refusal or ""
        return message


@dataclass(frozen=True, slots=True, repr=False)
class TextAnswer(Finished):
    """What a text model answered at once, which can be kept and counted as a prediction."""

    id: str
    model: str | None = None
    requested_model: str | None = None
    usage: Usage | None = None
    cost: Decimal | None = None
    created_at: datetime | None = None
    seconds: float | None = None
    input: dict[str, Any] = field(default_factory=dict)
    origin: str | None = None
    raw: dict[str, Any] = field(default_factory=dict)
    reused: bool = False

    @classmethod
    def from_api(
        cls,
        raw: Mapping[str, Any],
        *,
        requested_model: str | None = None,
        input: Mapping[str, Any] | None = None,
        origin: str | None = None,
    ) -> Self:
        """Read an answer of its route.

        Parameters
        ----------
        raw : mapping
            A decoded JSON object.
        requested_model, input, origin : optional
            What was asked, and where.
        """
        asked = dict(input or {})
        common: dict[str, Any] = {
            "id": parse_text(raw.get("id")) or "",
            "model": parse_text(raw.get("model")),
            "requested_model": requested_model,
            "usage": Usage.from_api(raw.get("usage")),
            "created_at": _parse_epoch(raw.get("created")) or _parse_epoch(raw.get("created_at")),
            "input": asked,
            "origin": origin,
            "raw": dict(raw),
        }
        return cls(**common | cls._own_fields(raw, asked))

    @classmethod
    def _own_fields(cls, raw: Mapping[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    def _kept(self) -> list[str]:
        return []

    def __hash__(self) -> int:
        return hash((self.origin, self.id))

    def _status(self) -> Status:
        return "succeeded"

    def to_prediction(self, status: Status | None = None, error: str | None = None) -> Prediction:
        """Return the same call as an archive keeps it and a frame counts it, without vectors.

        Parameters
        ----------
        status, error : str, optional
            How it ended, where it does not say so itself.
        """
        if not self.id:
            raise SkytellsError("This answer has no id, so nothing can keep it.", charged=False)
        return Prediction(
            id=self.id,
            status=status or self._status(),
            model=self.requested_model or self.model,
            model_type="text",
            input=self.input,
            output=self._kept(),
            error=error,
            metrics=Metrics(
                predict_time=self.seconds,
                total_time=self.seconds,
                billing={} if self.cost is None else {"credits_used": self.cost},
            ),
            cost=self.cost,
            created_at=self.created_at,
            completed_at=self.created_at and self.created_at + timedelta(seconds=self.seconds or 0.0),
            origin=self.origin,
            raw=self.raw,
            reused=self.reused,
        )


@dataclass(frozen=True, slots=True, repr=False)
class ChatCompletion(TextAnswer, Drawn):
    """One turn of a chat: what the model answered, why it stopped, and what it cost.

    A plain value, which can be pickled. ``text``, ``finish_reason``, ``refusal`` and ``tool_calls`` are those
    of its first choice.

    Attributes
    ----------
    id : str
        The API's name for it.
    choices : tuple of Choice
        In order; one, unless ``n`` asked for more.
    model : str or None
        The model that answered, which may be another than the one that was asked.
    requested_model : str or None
        The model that was asked; its price is the one that counts.
    usage : Usage or None
        Tokens; None where the API did not say.
    filters : tuple of Filter
        What the content filters said of prompt and answers.
    cost : Decimal or None
        By usage and the price list of the model that was asked, in US dollars, or a sandbox's credits. None
        is unknown, which is not zero.
    created_at : datetime or None
        Aware, in UTC.
    seconds : float or None
        From the request to the whole answer, as measured here.
    input : dict
        What was sent, but for the model.
    origin : str or None
        The base URL of the API that it came from.
    raw : dict
        The answer, untouched; of a stream, its pieces put together in the same shape.
    reused : bool
        Whether it came from the archive, at no cost, in place of a new one.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox(seconds=0) as sandbox, sandbox.client() as client:
    ...     made = client.chat.completions.create("gpt-5", "Why is the sea blue?")
    >>> made.finish_reason, made.model, made.usage.total_tokens > 0, made.cost > 0
    ('stop', 'gpt-5', True, True)
    """

    choices: tuple[Choice, ...] = ()
    filters: tuple[Filter, ...] = ()

    __hash__ = TextAnswer.__hash__  # else dataclasses would make one of the dicts

    @classmethod
    def _own_fields(cls, raw: Mapping[str, Any], asked: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG003 - as of other routes
        listed = raw.get("choices")
        found = [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []
        choices = sorted(
            (Choice.from_api(each, place) for place, each in enumerate(found)), key=lambda each: each.index
        )
        prompts = raw.get("prompt_filter_results")
        filters = [
            filter
            for each in (prompts if isinstance(prompts, list) else [])
            if isinstance(each, Mapping)
            for filter in parse_filters(each.get("content_filter_results"), "prompt")
        ]
        filters += [filter for choice in choices for filter in choice.filters]
        return {"choices": tuple(choices), "filters": tuple(filters)}

    @property
    def text(self) -> str:
        """What the model wrote."""
        return self.choices[0].text if self.choices else ""

    @property
    def finish_reason(self) -> str | None:
        """Why it stopped: ``stop``, ``length``, ``tool_calls``, ``content_filter``; None: it was cut off."""
        return self.choices[0].finish_reason if self.choices else None

    @property
    def refusal(self) -> str | None:
        """Why the model would not answer, where it says so."""
        return self.choices[0].refusal if self.choices else None

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """What it wants called."""
        return self.choices[0].tool_calls if self.choices else ()

    @property
    def message(self) -> dict[str, Any]:
        """The message that stands for it in the next request's ``messages``."""
        return self.choices[0].message if self.choices else {"role": "assistant", "content": ""}

    def _kept(self) -> list[str]:
        return [each.text for each in self.choices if each.text]

    @property
    def note(self) -> str | None:
        """What whoever reads it should know: cut off, filtered, refused; None where all is well."""
        return note_on(self, "max_tokens")

    def __str__(self) -> str:
        return clean(self.text)

    def __repr__(self) -> str:
        return described(self, f"finish_reason={self.finish_reason!r}")


# What the answers of several routes have in common


def parse_tool_calls(value: object) -> tuple[ToolCall, ...]:
    """Read ``tool_calls``, whole or in pieces; what is none is left out."""
    found = []
    for place, each in enumerate(value if isinstance(value, list) else ()):
        if isinstance(each, Mapping):
            function = parse_mapping(each.get("function")) or {}
            arguments, index = function.get("arguments"), parse_count(each.get("index"))
            if isinstance(arguments, Mapping):  # some servers have decoded it already
                arguments = json.dumps(arguments, ensure_ascii=False)
            found.append(
                ToolCall(
                    parse_text(each.get("id")),
                    parse_text(function.get("name")),
                    parse_text(arguments) or "",
                    place if index is None else index,
                )
            )
    return tuple(found)


def parse_filters(value: object, side: Literal["prompt", "completion"]) -> tuple[Filter, ...]:
    """Read a ``content_filter_results``; a category that is new is one, too."""
    found = parse_mapping(value) or {}
    return tuple(
        Filter(
            str(category),
            side,
            said.get("filtered") is True,
            parse_text(said.get("severity")),
            said["detected"] if isinstance(said.get("detected"), bool) else None,
        )
        for category, said in found.items()
        if isinstance(said, Mapping)
    )


def _parse_epoch(value: object) -> datetime | None:
    """Parse Unix seconds as an aware UTC datetime."""
    seconds = parse_number(value)
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _first_count(found: Mapping[str, Any], *names: str) -> int | None:
    counts = (parse_amount(found.get(name)) for name in names)
    return next((int(count) for count in counts if count is not None and 0 <= count == int(count)), None)


def note_on(answer: ChatCompletion | Response, limit: str) -> str | None:
    """Say what whoever reads an answer should know; ``limit`` is what bounds how much is written."""
    finish, is_empty = answer.finish_reason, not answer.text and not answer.tool_calls
    struck = [each for each in answer.filters if each.filtered]
    why = f" ({', '.join(map(str, struck))})" if struck else ""
    if finish == "content_filter":
        return f"The content filter cut it off{why}."
    if finish == "length" and is_empty:
        return f"Cut off before the first word: raise {limit}. It was billed all the same."
    if finish == "length":
        return f"Cut off by the limit of tokens: raise {limit} for more."
    if answer.refusal and not answer.text:
        return f"The model refused: {answer.refusal}"
    if struck:
        sides = " and the ".join(dict.fromkeys(each.side for each in struck))
        return f"The content filter flagged the {sides}{why}."
    if finish is None:
        return "Cut off before its end."
    return "It is empty. It was billed all the same." if finish == "stop" and is_empty else None


def described(answer: ChatCompletion | Response, ended: str) -> str:
    """Write an answer for a terminal: what it says, and what it took."""
    text = answer.text if len(answer.text) <= 80 else answer.text[:79] + "…"
    parts = [repr(text), f"model={answer.model!r}"]
    if answer.requested_model not in (None, answer.model):
        parts.append(f"requested_model={answer.requested_model!r}")
    parts.append(ended)
    if answer.tool_calls:
        parts.append(f"tool_calls={[call.name for call in answer.tool_calls]}")
    if answer.usage is not None:
        parts.append(f"tokens={answer.usage.total_tokens}")
    if answer.cost is not None:
        parts.append(f"cost={answer.cost}")
    if answer.note:
        parts.append(f"note={answer.note!r}")
    return f"{type(answer).__name__}({', '.join(parts)})"
