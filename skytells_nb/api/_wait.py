"""Waiting for a prediction's end, and what the end means: a result, or `PredictionError`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from ..checks import check_callable, check_seconds
from ..exceptions import PredictionError, SkytellsError, WaitTimeoutError
from ..formatting import format_cost, money_unit
from ..models import Prediction
from . import _requests
from ._connection import Connection

_PATIENCE: Final = 1800.0


def patience(timeout: object) -> float:
    """Check the seconds that a wait may last; half an hour where nothing is said."""
    return _PATIENCE if timeout is None else check_seconds("timeout", timeout, none="30 minutes")


async def wait(
    connection: Connection,
    prediction: Prediction | str,
    *,
    timeout: float | None = None,
    on_progress: Callable[[Prediction], object] | None = None,
) -> Prediction:
    """Wait until a prediction ends. An interrupt leaves it running: it can be waited for again."""
    deadline = connection.now() + patience(timeout)
    if on_progress is not None:
        check_callable("on_progress", on_progress, takes="a Prediction")
    if not isinstance(prediction, Prediction):
        _requests.get(prediction)  # refuses what is no id
        prediction = Prediction(id=prediction.strip(), status="queued", origin=connection.origin)
    if not prediction.done:
        prediction = await follow(connection, prediction, deadline, on_progress)
    return await conclude(connection, prediction)


async def follow(
    connection: Connection,
    prediction: Prediction,
    deadline: float,
    on_progress: Callable[[Prediction], object] | None,
) -> Prediction:
    """Wait for the end of a prediction, well or not; raises `WaitTimeoutError` at the deadline."""
    began = connection.now()
    try:
        seen = await connection.watch.wait(connection, prediction, deadline, on_progress)
    except Exception as error:
        if not isinstance(error, SkytellsError):
            error.add_note(f"Prediction {prediction.id} goes on; client.predictions.wait takes it up again.")
        raise
    if not seen.done:
        waited = connection.now() - began
        # No read may have said anything: then it is not known whether it runs at all.
        state = "may still be running" if seen is prediction else f"is still {seen.status}"
        raise WaitTimeoutError(
            f"Timed out after {waited:.0f} s. Prediction {seen.id} {state}, and is billed if it succeeds: "
            f"resume with client.predictions.wait({seen.id!r}), or stop it with "
            f"client.predictions.cancel({seen.id!r}).",
            prediction=seen,
        )
    return seen


async def conclude(connection: Connection, prediction: Prediction) -> Prediction:
    """Tell the observers of an end; returns what succeeded, raises `PredictionError` for what did not."""
    try:
        prediction = await connection.ended(prediction)
    except asyncio.CancelledError:
        connection.cancel_summary.ended(prediction)  # its id must be told: nobody gets the prediction
        raise
    if prediction.status == "succeeded":
        return prediction
    what = "was canceled" if prediction.status == "canceled" else "failed"
    why = f": {prediction.error.rstrip('.')}" if prediction.error else ""
    remedy = (
        "Run it again if you still want it."
        if prediction.status == "canceled"
        else "Try another seed or prompt; the same input may fail again."
    )
    cost = format_cost(prediction.cost, money_unit(connection.account.sandbox))
    error_id = prediction.raw.get("error_id")
    raise PredictionError(
        f"Prediction {prediction.id} {what}{why} (cost: {cost}). {remedy}",
        prediction=prediction,
        detail=prediction.error,
        error_id=error_id if isinstance(error_id, str) else None,
        charged=None if prediction.cost is None else prediction.cost > 0,
    )
