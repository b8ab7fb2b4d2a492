"""``client.predictions``: what can be asked of the API about predictions, blocking and awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

from .. import _lazy
from .._options import options
from ..aio import bar
from ..checks import meant_as
from ..exceptions import (
    InvalidInputError,
    NotFoundError,
    PredictionError,
    ServerError,
    SkytellsError,
    UncertainCreateError,
)
from ..filetypes import is_path_like
from ..models import Prediction, PredictionList, slugs_of
from ..schema import as_record, to_plain
from . import _requests
from ._connection import Connection, Resource, blocking, send_with_retry
from ._create import create, find_reusable, tell_created, watch_created
from ._listing import Moment, list_predictions
from ._models import InputNames, get_model, slug_meant
from ._reconcile import look_again
from ._responses import failed_prediction
from ._wait import wait


class AsyncPredictions(Resource):
    """Create, read, wait for, list, cancel and delete predictions; every method is a coroutine."""

    @meant_as("client.predictions.create({model}, {input})")
    async def create(
        self,
        model: str,
        input: Mapping[str, Any],
        *,
        wait: bool = True,
        webhook: str | Mapping[str, Any] | None = None,
        webhook_events_filter: Sequence[str] | None = None,
        timeout: float | None = None,
        on_progress: Callable[[Prediction], object] | None = None,
        extra: Mapping[str, Any] | None = None,
        reuse: bool | None = None,
    ) -> Prediction:
        """Create a prediction and, unless ``wait=False``, wait until it ends.

        It is billed once. After a lost answer the newest predictions are searched for it before anything
        is sent again. An interrupt while waiting cancels it remotely.

        Parameters
        ----------
        model : str or Model
            The model's slug, such as ``"truefusion-pro"``, or the model as it was read.
        input : dict
            What the model's input schema takes. A prediction, a path or a Pillow image in it becomes a
            URL or a data URI; everything else must be JSON.
        wait : bool
            Whether to wait; False returns at once, queued or processing.
        webhook : str or dict, optional
            Where the API reports to: a URL, or ``{"url": …, "events": […]}``.
        webhook_events_filter : list of str, optional
            Which events, with a URL alone (skytells-api.md section 7).
        timeout : float, optional
            Seconds to wait at most, half an hour when None. It does not end the prediction.
        on_progress : callable, optional
            Called with the `Prediction` each time it is read, in the thread or on the loop that waits.
        extra : dict, optional
            Further fields of the request's body, for what the API gains after this version.
        reuse : bool, optional
            Whether to look in the client's archive first, for what this account has made of an equal input,
            and return the newest of it at no cost, with ``reused=True``. Equal creates in one
            ``sky.gather`` take different ones, oldest first, as far as there are any. None leaves it to
            ``sky.options.reuse``.

        Returns
        -------
        Prediction
            Succeeded; or, with ``wait=False``, as the API first answered.

        Raises
        ------
        PredictionError
            It failed or was canceled.
        WaitTimeoutError
            It had not ended in time; it goes on, and the error has it.
        UncertainCreateError
            It was sent, and nobody knows what became of it.
        InvalidInputError, AuthenticationError, InsufficientCreditsError, RateLimitError, NotFoundError
            It was refused, and nothing was billed.

        Examples
        --------
        >>> import skytells_nb as sky
        >>> with sky.Sandbox() as sandbox, sandbox.client() as client:
        ...     client.predictions.create("truefusion-edge", {"prompt": "a red fox in snow"}).status
        'succeeded'
        """
        return await self._on_loop(
            _create_from_anything(
                self._connection,
                slugs_of(model),
                input,
                wait=wait,
                webhook=webhook,
                webhook_events_filter=webhook_events_filter,
                timeout=timeout,
                on_progress=on_progress,
                extra=extra,
                reuse=reuse,
            )
        )

    async def get(self, id: str | Prediction) -> Prediction:
        """Read a prediction as it stands now, whatever its status; also by its id alone.

        Raises
        ------
        NotFoundError
            There is no such prediction.
        PredictionError
            The API answers that it failed instead of showing it (skytells-api.md section 4.2).

        Examples
        --------
        >>> import skytells_nb as sky
        >>> with sky.Sandbox() as sandbox, sandbox.client() as client:
        ...     made = client.predictions.create("truefusion-edge", {"prompt": "a lighthouse"}, wait=False)
        ...     client.predictions.get(made.id).id == made.id
        True
        """
        return await self._on_loop(get_prediction(self._connection, id))

    async def wait(
        self,
        prediction: Prediction | str,
        *,
        timeout: float | None = None,
        on_progress: Callable[[Prediction], object] | None = None,
    ) -> Prediction:
        """Wait until a prediction has succeeded. An interrupt leaves it running.

        Parameters
        ----------
        prediction : Prediction or str
            The prediction, or its id.
        timeout : float, optional
            Seconds to wait at most, half an hour when None.
        on_progress : callable, optional
            Called with the `Prediction` each time it is read.

        Raises
        ------
        PredictionError
            It failed or was canceled.
        WaitTimeoutError
            It had not ended in time; it goes on, and the error has it.

        Examples
        --------
        >>> import skytells_nb as sky
        >>> with sky.Sandbox() as sandbox, sandbox.client() as client:
        ...     made = client.predictions.create("truefusion-edge", {"prompt": "a lighthouse"}, wait=False)
        ...     client.predictions.wait(made).status
        'succeeded'
        """
        return await self._on_loop(
            wait(self._connection, prediction, timeout=timeout, on_progress=on_progress)
        )

    async def cancel(self, id: str | Prediction) -> Prediction:
        """Cancel a prediction that has not ended, also by its id alone; return it as it stands after that.

        Whether the API bills what was canceled is not documented.

        Examples
        --------
        >>> import skytells_nb as sky
        >>> with sky.Sandbox() as sandbox, sandbox.client() as client:
        ...     made = client.predictions.create("truefusion-video-pro", {"prompt": "waves"}, wait=False)
        ...     client.predictions.cancel(made.id).status
        'canceled'
        """
        return await self._on_loop(cancel_prediction(self._connection, id))

    async def delete(self, id: str | Prediction) -> None:
        """Delete a prediction, also by its id alone, and its outputs at the API, for good. Local copies stay.

        Examples
        --------
        >>> import skytells_nb as sky
        >>> with sky.Sandbox() as sandbox, sandbox.client() as client:
        ...     made = client.predictions.create("truefusion-edge", {"prompt": "a lighthouse"})
        ...     client.predictions.delete(made.id)
        """
        return await self._on_loop(delete_prediction(self._connection, id))

    async def list(
        self,
        limit: int | None = 20,
        *,
        status: str | None = None,
        model: str | None = None,
        since: Moment = None,
        until: Moment = None,
    ) -> PredictionList:
        """List predictions, newest first. A real list; pages are read several at once.

        Parameters
        ----------
        limit : int, optional
            How many at most; None for all of them.
        status : str, optional
            One of the course's words: queued, processing, succeeded, failed, canceled.
        model : str, optional
            A model's slug.
        since, until : date, datetime or str, optional
            Bounds of ``created_at``, inclusive. A day alone, such as ``"2026-11-22"``, means the whole
            day in UTC.

        Examples
        --------
        >>> import skytells_nb as sky
        >>> with sky.Sandbox() as sandbox, sandbox.client() as client:
        ...     made = client.predictions.create("truefusion-edge", {"prompt": "a lighthouse"})
        ...     client.predictions.list(limit=5, status="succeeded")
        PredictionList of 1: 1 succeeded
        """
        return await self._on_loop(
            _list_with_bar(
                self._connection, limit=limit, status=status, model=model, since=since, until=until
            )
        )

    async def reconcile(self, error: UncertainCreateError) -> Prediction | None:
        """Look again for the prediction of a create that was left in doubt.

        What is found counts from then on like any other: a budget that stands puts its cost in the place of
        what it had reserved, and the archive keeps it, now or when its end is waited for.

        Parameters
        ----------
        error : UncertainCreateError
            As ``create`` raised it; one that was pickled in another process will do.

        Returns
        -------
        Prediction or None
            The prediction that the create made, or None when none is listed.

        Raises
        ------
        UncertainCreateError
            Once more, when the API lists something that may be it and does not say enough.

        Examples
        --------
        >>> import skytells_nb as sky
        >>> with sky.Sandbox() as sandbox, sandbox.client() as client:
        ...     sandbox.faults.next("drop_before")  # the connection breaks, before or after: who can tell?
        ...     try:
        ...         client.predictions.create("truefusion-edge", {"prompt": "a lighthouse"})
        ...     except sky.UncertainCreateError as error:
        ...         print(client.predictions.reconcile(error))
        None
        """
        return await self._on_loop(reconcile(self._connection, error))


class Predictions(Resource):
    """Create, read, wait for, list, cancel and delete predictions; every call returns when it is done."""

    create = blocking(AsyncPredictions.create)
    get = blocking(AsyncPredictions.get)
    wait = blocking(AsyncPredictions.wait)
    cancel = blocking(AsyncPredictions.cancel)
    delete = blocking(AsyncPredictions.delete)
    list = blocking(AsyncPredictions.list)
    reconcile = blocking(AsyncPredictions.reconcile)


async def _create_from_anything(
    connection: Connection, model: str, input: Mapping[str, Any], *, reuse: bool | None, **options: Any
) -> Prediction:
    """Create from an input as people have it, with a model as people call it."""
    prepared = await prepare_input(connection, model, input)
    kept = await find_reusable(connection, model, prepared, reuse)
    if kept is not None:
        return kept
    names = InputNames(connection, model, prepared, read=options.get("wait", True))
    names.check()
    try:
        try:
            made = await create(connection, model, prepared, observers=watch_created([names]), **options)
        except NotFoundError as error:  # so nothing was billed
            slug = await slug_meant(connection, model, error)
            made = await create(connection, slug, prepared, observers=watch_created([names]), **options)
        await names.finish()
        return made
    except InvalidInputError as error:
        await names.explain(error)
        raise
    finally:
        names.stop()


async def prepare_input(connection: Connection, model: str, input: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an input as plain JSON; its predictions, paths and pictures have become URLs or data URIs.

    The model's schema is read for those, since it says whether one picture or a list is wanted, and whether
    "fox.png" is a file or a prompt. For an input that is JSON already, or stands for it as numpy's numbers
    do, nothing is read.
    """
    plain: Any = to_plain(as_record(input))
    if not isinstance(plain, Mapping) or is_ready(plain):
        return cast("Mapping[str, Any]", plain)
    schema = None
    try:
        schema = (await get_model(connection, model)).input_schema
    except SkytellsError:
        schema = None  # the create itself will say what is wrong with the model
    # How it is converted is the archive's to say, since it keeps the files.
    prepared: Mapping[str, Any] = await asyncio.to_thread(
        _lazy.prepare_input, plain, schema, origin=connection.origin
    )
    return prepared


def is_ready(value: object) -> bool:
    """Check whether an input can be sent as it is: it is JSON, and no text in it reads like a file's path."""
    if isinstance(value, dict):
        return all(map(is_ready, value.values()))
    if isinstance(value, list | tuple):
        return all(map(is_ready, value))
    if isinstance(value, str):
        return not is_path_like(value)
    return value is None or isinstance(value, int | float)


async def get_prediction(connection: Connection, id: str | Prediction) -> Prediction:
    """Read a prediction as it stands; one that has failed is returned, not raised."""
    call = _requests.get(id)
    identifier = id.id if isinstance(id, Prediction) else id.strip()
    try:
        body = await send_with_retry(connection, call, f"prediction {identifier!r}")
    except PredictionError as error:
        failed = failed_prediction(
            identifier, error.detail or "", error.error_id, last=None, origin=connection.origin
        )
        error.prediction = await connection.ended(failed)
        raise
    prediction = _parse(connection, body, identifier)
    return await connection.ended(prediction) if prediction.done else prediction


async def cancel_prediction(connection: Connection, id: str | Prediction) -> Prediction:
    call = _requests.cancel(id)
    identifier = id.id if isinstance(id, Prediction) else id.strip()
    try:
        body = await send_with_retry(connection, call, f"canceling prediction {identifier!r}")
    except InvalidInputError:  # it had ended, as a rule: paid for, and its output is there for five minutes
        with suppress(SkytellsError):
            await get_prediction(connection, identifier)
        raise
    if not isinstance(body, dict) or str(body.get("id")).casefold() != identifier.casefold():
        return await get_prediction(connection, identifier)
    prediction = _parse(connection, body, identifier)
    return await connection.ended(prediction) if prediction.done else prediction


async def delete_prediction(connection: Connection, id: str | Prediction) -> None:
    await send_with_retry(connection, _requests.delete(id), "deleting a prediction")


async def reconcile(connection: Connection, error: UncertainCreateError) -> Prediction | None:
    """Search again for the prediction of a create that was left in doubt."""
    if not isinstance(error, UncertainCreateError):
        raise InvalidInputError(f"reconcile takes an UncertainCreateError, not {type(error).__name__}.")
    found = await look_again(connection, error)
    if found is None:
        return None
    await tell_created(connection, error, found)
    return await connection.ended(found) if found.done else found


async def _list_with_bar(connection: Connection, *, limit: int | None, **filters: Any) -> PredictionList:
    delay = 0.0 if options.progress is True else 1.0
    with bar(None, "predictions read", enabled=bool(options.progress), delay=delay) as shown:

        def on_page(read: int, total: int | None) -> None:
            shown.update(done=read, total=total if limit is None or total is None else min(limit, total))

        found = await list_predictions(connection, limit=limit, on_page=on_page, **filters)
    return await connection.listed(found)


def _parse(connection: Connection, body: Any, identifier: str) -> Prediction:
    if not isinstance(body, dict) or not isinstance(body.get("id"), str) or not body["id"]:
        raise ServerError(
            "The answer names no prediction. Try again.", detail="answer without an id", charged=False
        )
    if body["id"].casefold() != identifier.casefold():  # as from a cache that has mixed up its answers
        raise ServerError(
            f"Asked for prediction {identifier!r}, the API answered with {body['id']!r}. Try again.",
            detail="answer of another prediction",
            charged=False,
        )
    prediction = Prediction.from_api(body, origin=connection.origin)
    connection.creates.mark_seen([prediction.id])
    return prediction
