"""What is sent: every request of the API, with both of its spellings (skytells-api.md section 3)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from urllib.parse import quote, urlencode

from ..exceptions import InvalidInputError
from ..models import Model, Prediction
from ..plaintext import hide_keys

PAGE_SIZE: Final = 50
"""The most predictions that the API lists on one page (section 4.3)."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request to the API's own origin, without its key, which the transport adds.

    ``path`` and ``query`` are quoted already. ``timeout`` in seconds replaces the client's. ``streamed``
    leaves the body of its answer to be read as it comes.
    """

    method: str
    path: str
    query: str = ""
    body: bytes | None = None
    timeout: float | None = None
    streamed: bool = False

    @property
    def target(self) -> str:
        """Path and query, as they go on the wire after the base URL."""
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclass(frozen=True, slots=True)
class Call:
    """A request in its newest spelling and, where there is one, its older one.

    ``endpoint`` is the name under which a connection remembers which of them the API knows.
    """

    endpoint: str
    newest: Request
    older: Request | None = None


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """A create that is fit to be sent: its model and input as JSON understands them."""

    model: str
    input: dict[str, Any]
    call: Call

    @property
    def key(self) -> tuple[str, str]:
        """What two creates share when the API could not tell them apart."""
        return self.model, json.dumps(self.input, sort_keys=True, ensure_ascii=False)


def encode(body: Mapping[str, Any]) -> bytes:
    """Write JSON as the API takes it; raises what `json` raises, and refuses NaN."""
    return json.dumps(body, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()


def create(
    model: object,
    input: object,
    *,
    webhook: str | Mapping[str, Any] | None = None,
    events: Sequence[str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> CreateRequest:
    """Check that a create can be sent at all, and encode it; whether it is good is the API's to say.

    ``extra`` holds further fields of the body, for what the API gains after this version.
    """
    if not isinstance(model, str) or not model.strip():
        raise _refusal(f"model must be the name of a model, not {model!r}", 'such as "truefusion-pro"')
    refuse_key(model, "model")
    try:
        encode({"model": model})
    except UnicodeEncodeError:
        raise _refusal(f"model {model!r} holds characters that cannot be sent", "check its name") from None
    if not isinstance(input, Mapping):
        words = input if isinstance(input, str) and 0 < len(input) <= 80 else "a red fox in snow"
        example = json.dumps({"prompt": words}, ensure_ascii=False)
        raise _refusal(f"input must be a dict, not {type(input).__name__}", f"such as {example}")
    for name, value in input.items():
        if not isinstance(name, str):
            raise _refusal(f"every key of input must be a string, and {name!r} is none", "rename it")
        try:
            encode({name: value})
            _require_string_keys(value)
        except (TypeError, ValueError, RecursionError) as error:
            why = "it is NaN or infinite" if "Out of range float" in str(error) else error
            raise _refusal(
                f"input[{name!r}] cannot be sent as JSON ({why})",
                "use strings, finite numbers, booleans, lists and dicts, or leave it out",
            ) from None
    body: dict[str, Any] = {**_extra(extra), "model": model.strip(), "input": dict(input)}
    body.update(_webhook(webhook, events))
    sent = encode(body)
    return CreateRequest(
        body["model"],
        json.loads(sent)["input"],
        Call("create", Request("POST", "/predictions", body=sent), Request("POST", "/predict", body=sent)),
    )


def _extra(extra: object) -> dict[str, Any]:
    if extra is None:
        return {}
    if not isinstance(extra, Mapping) or not all(isinstance(name, str) for name in extra):
        raise _refusal("extra must be a dict of further body fields", 'such as {"priority": "low"}')
    _require_json("extra", extra, "use strings, numbers, lists, dicts")
    return dict(extra)


def _require_json(name: str, value: Mapping[str, Any], remedy: str) -> None:
    try:
        encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise _refusal(f"{name} cannot be sent as JSON ({error})", remedy) from None


def _require_string_keys(value: object) -> None:
    """Refuse other keys anywhere inside: JSON would turn them into strings without a word."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise TypeError(f"the key {key!r} is no string")
            _require_string_keys(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _require_string_keys(inner)


def _webhook(webhook: object, events: object) -> dict[str, Any]:
    """Both documented forms are passed as they were given (section 7)."""
    listed = isinstance(events, list | tuple) and all(isinstance(event, str) for event in events)
    if events is not None and not listed:
        raise _refusal("webhook_events_filter must be a list of event names", 'such as ["completed"]')
    target = webhook.get("url") if isinstance(webhook, Mapping) else webhook
    if webhook is None:
        if events is not None:
            raise _refusal("webhook_events_filter without a webhook", "pass webhook= with its URL too")
        return {}
    if not isinstance(target, str) or not target.startswith(("https://", "http://")):
        raise _refusal("webhook must be a URL, or a dict with one under 'url'", '"https://…"')
    body: dict[str, Any] = {"webhook": dict(webhook) if isinstance(webhook, Mapping) else webhook}
    if isinstance(events, list | tuple):
        body["webhook_events_filter"] = list(events)
    _require_json("webhook", body, "use strings and lists")
    return body


def _refusal(what: str, remedy: str) -> InvalidInputError:
    return InvalidInputError(f"{what[:1].upper()}{what[1:]}: {remedy}. Nothing was sent.")


def check_identifier(identifier: object, kind: str) -> str:
    """Quote an id or slug whole, so that it stays one segment of the path; a prediction stands for its id."""
    if isinstance(identifier, Prediction | Model):
        identifier = identifier.id
    if not isinstance(identifier, str) or not identifier.strip(" ."):
        raise _refusal(f"a {kind} is named by a string, not {identifier!r}", f"pass the {kind}'s id")
    refuse_key(identifier, kind)
    try:
        return quote(identifier.strip(), safe="")
    except UnicodeEncodeError:
        raise _refusal(f"{identifier!r} cannot name a {kind}", "it holds characters no URL can") from None


def refuse_key(name: str, kind: str) -> None:
    """Refuse an API key in the place of a name: it would stand in a URL, in an error and in logs."""
    if hide_keys(name, least=16) != name:
        raise _refusal(f"an API key names no {kind}", "pass it as Client(api_key)")


def get(identifier: object) -> Call:
    """``GET /predictions/{id}`` (section 4.2)."""
    return Call("get", Request("GET", f"/predictions/{check_identifier(identifier, 'prediction')}"))


def cancel(identifier: object) -> Call:
    """``POST /predictions/{id}/cancel`` (section 4.4)."""
    return Call(
        "cancel", Request("POST", f"/predictions/{check_identifier(identifier, 'prediction')}/cancel")
    )


def delete(identifier: object) -> Call:
    """``DELETE /predictions/{id}`` (section 4.5)."""
    path = f"/predictions/{check_identifier(identifier, 'prediction')}"
    return Call("delete", Request("DELETE", path), Request("DELETE", path + "/delete"))


def page(
    number: int,
    *,
    size: int = PAGE_SIZE,
    status: str | None = None,
    model: str | None = None,
    since: date | None = None,
    until: date | None = None,
) -> Call:
    """``GET /predictions``, one page, newest first (section 4.3)."""
    asked = {"page": number, "per_page": size, "status": status, "model": model, "from": since, "to": until}
    query = {name: value for name, value in asked.items() if value is not None}
    return Call("list", Request("GET", "/predictions", urlencode(query, quote_via=quote)))


def models() -> Call:
    """``GET /models`` (section 5.1)."""
    return Call("models", Request("GET", "/models"))


def model(slug: object) -> Call:
    """``GET /models/{slug}`` with both schemas (section 5.2)."""
    name, query = check_identifier(slug, "model"), "fields=input_schema%2Coutput_schema"
    return Call("model", Request("GET", f"/models/{name}", query), Request("GET", f"/model/{name}", query))
