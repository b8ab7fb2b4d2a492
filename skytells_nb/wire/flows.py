"""Every operation of the API as a flow: written once, driven blocking or under asyncio."""

from __future__ import annotations

import sys
from asyncio import CancelledError
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ..exceptions import (
    InvalidInputError,
    PredictionError,
    ServerError,
    SkytellsError,
    UncertainCreateError,
    WaitTimeoutError,
)
from ..models import Prediction
from ..observers import Observer
from . import answers, creating, exchange, reconciling, requests
from .conversation import Conversation
from .models import list_models, model
from .steps import Flow, Watch

__all__ = [
    "PATIENCE",
    "cancel",
    "create",
    "delete",
    "get",
    "list_models",
    "model",
    "reconcile",
    "seconds",
    "told",
    "wait",
]

_LONGEST: Final = sys.float_info.max
PATIENCE: Final = 1800.0
"""Seconds that a wait lasts when nothing else is said: half an hour."""

Progress = Callable[[Prediction], object]


def seconds(name: str, value: object, default: float) -> float:
    """Check a time in seconds: a finite number above 0, or None for the default."""
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LONGEST:
        raise InvalidInputError(
            f"{name} must be seconds above 0 or None, not {value!r}. Nothing was sent.", charged=False
        )
    return float(value)


def told(on_progress: Progress | None) -> Progress | None:
    """Check what is to be told of progress: something that can be called, or None."""
    if on_progress is not None and not callable(on_progress):
        raise InvalidInputError(
            f"on_progress must be a function that takes a Prediction, not {on_progress!r}. Nothing was sent.",
            charged=False,
        )
    return on_progress


def create(
    conversation: Conversation,
    model: str,
    input: Mapping[str, Any],
    *,
    wait: bool = True,
    webhook: str | Mapping[str, Any] | None = None,
    webhook_events_filter: Sequence[str] | None = None,
    timeout: float | None = None,
    on_progress: Progress | None = None,
    observers: Sequence[Observer] = (),
) -> Flow[Prediction]:
    """Create a prediction and, unless told otherwise, wait until it ends.

    ``observers`` hear of this create alone, before those of the conversation do.
    """
    deadline = conversation.now() + seconds("timeout", timeout, PATIENCE)
    on_progress = told(on_progress)
    order = requests.order(model, input, webhook=webhook, events=webhook_events_filter)
    prediction = yield from creating.accept(conversation, order, observers)
    if wait and not prediction.done:
        try:
            prediction = yield from _follow(conversation, prediction, deadline, on_progress)
        except (KeyboardInterrupt, CancelledError):
            yield creating.cancel_in_background(conversation, prediction)
            raise
    if wait:
        return (yield from _conclude(conversation, prediction))
    return (yield from conversation.ended(prediction)) if prediction.done else prediction


def wait(
    conversation: Conversation,
    prediction: Prediction | str,
    *,
    timeout: float | None = None,
    on_progress: Progress | None = None,
) -> Flow[Prediction]:
    """Wait until a prediction ends. An interrupt leaves it running: it can be waited for again."""
    deadline = conversation.now() + seconds("timeout", timeout, PATIENCE)
    on_progress = told(on_progress)
    if not isinstance(prediction, Prediction):
        requests.get(prediction)
        prediction = Prediction(id=prediction.strip(), status="queued", origin=conversation.origin)
    if not prediction.done:
        prediction = yield from _follow(conversation, prediction, deadline, on_progress)
    return (yield from _conclude(conversation, prediction))


def _follow(
    conversation: Conversation, prediction: Prediction, deadline: float, on_progress: Progress | None
) -> Flow[Prediction]:
    begun = conversation.now()
    try:
        seen: Prediction = yield Watch(prediction, deadline, on_progress)
    except Exception as error:
        if not isinstance(error, SkytellsError):
            error.add_note(f"Prediction {prediction.id} goes on; client.predictions.wait takes it up again.")
        raise
    if not seen.done:
        waited = conversation.now() - begun
        if seen is prediction:  # no read has said anything
            known = f"Nothing was heard of prediction {seen.id} within {waited:.0f} s. It may go on"
        else:
            known = f"Prediction {seen.id} was still {seen.status} after {waited:.0f} s. It goes on"
        raise WaitTimeoutError(
            f"{known}, and will be billed if it succeeds; nothing is lost: "
            f"client.predictions.wait({seen.id!r}) takes the wait up again, "
            f"client.predictions.cancel({seen.id!r}) stops it.",
            prediction=seen,
        )
    return seen


def _conclude(conversation: Conversation, prediction: Prediction) -> Flow[Prediction]:
    prediction = yield from conversation.ended(prediction)
    if prediction.status != "succeeded":
        raise _unsuccessful(prediction)
    return prediction


def _unsuccessful(prediction: Prediction) -> PredictionError:
    cost = "unknown" if prediction.cost is None else f"{prediction.cost} credits"
    what = "was canceled" if prediction.status == "canceled" else "failed"
    why = f": {prediction.error.rstrip('.')}" if prediction.error else ""
    raw_id = prediction.raw.get("error_id")
    return PredictionError(
        f"Prediction {prediction.id} {what}{why}. Its cost is {cost}. "
        + (
            "Run it again if you still want it."
            if prediction.status == "canceled"
            else "Try another seed or prompt; the same input may fail again."
        ),
        prediction=prediction,
        detail=prediction.error,
        error_id=raw_id if isinstance(raw_id, str) else None,
        charged=None if prediction.cost is None else prediction.cost > 0,
    )


def get(conversation: Conversation, id: str) -> Flow[Prediction]:
    """Read a prediction as it stands; one that has failed is given back, not raised."""
    call = requests.get(id)
    try:
        body = yield from exchange.ask(conversation, call, f"prediction {id!r}")
    except PredictionError as error:
        failed = answers.failed_prediction(
            id.strip(), error.detail or "", error.error_id, last=None, origin=conversation.origin
        )
        error.prediction = yield from conversation.ended(failed)
        raise
    prediction = _read(conversation, body)
    return (yield from conversation.ended(prediction)) if prediction.done else prediction


def cancel(conversation: Conversation, id: str) -> Flow[Prediction]:
    """Cancel a prediction that runs; gives it as it then stands."""
    body = yield from exchange.ask(conversation, requests.cancel(id), f"canceling prediction {id!r}")
    if not isinstance(body, dict) or not isinstance(body.get("id"), str):
        return (yield from get(conversation, id))
    prediction = _read(conversation, body)
    return (yield from conversation.ended(prediction)) if prediction.done else prediction


def delete(conversation: Conversation, id: str) -> Flow[None]:
    """Delete a prediction and its outputs at the API, for good."""
    yield from exchange.ask(conversation, requests.delete(id), f"deleting prediction {id!r}")


def reconcile(conversation: Conversation, error: UncertainCreateError) -> Flow[Prediction | None]:
    """Look again for the prediction of a create that was left in doubt."""
    if not isinstance(error, UncertainCreateError):
        raise InvalidInputError(
            f"reconcile takes an UncertainCreateError, not {type(error).__name__}. Nothing was sent.",
            charged=False,
        )
    found = yield from reconciling.look_again(conversation, error)
    if found is None:
        return None
    yield from creating.tell_what_was_made(conversation, error, found)
    return (yield from conversation.ended(found)) if found.done else found


def _read(conversation: Conversation, body: Any) -> Prediction:
    if isinstance(body, dict) and isinstance(body.get("data"), dict) and "id" not in body:
        body = body["data"]
    if not isinstance(body, dict) or not isinstance(body.get("id"), str) or not body["id"]:
        raise _unreadable("the prediction")
    prediction = Prediction.from_api(body, origin=conversation.origin)
    conversation.claims.saw([prediction.id])
    return prediction


def _unreadable(what: str) -> ServerError:
    return ServerError(
        f"The API's answer for {what} cannot be read: it has no id. Nothing is lost. Try again.",
        detail="answer without an id",
        charged=False,
    )
