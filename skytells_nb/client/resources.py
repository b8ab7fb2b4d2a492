"""``client.predictions`` and ``client.models``: what can be asked of the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._options import options
from ..aio import bar
from ..exceptions import UncertainCreateError
from ..models import Model, ModelList, Prediction, PredictionList
from ..wire import flows, listing
from ..wire.listing import Moment
from ..wire.steps import Flow
from . import inputs
from .operations import Awaiting, Blocking, Face, operation

__all__ = ["AsyncModels", "AsyncPredictions", "Models", "Predictions"]


class _Predictions(Face):
    """Create, read, wait for, list, cancel and delete predictions."""

    @operation
    def create(
        self,
        model: str,
        input: Mapping[str, Any],
        *,
        wait: bool = True,
        webhook: str | Mapping[str, Any] | None = None,
        webhook_events_filter: Sequence[str] | None = None,
        timeout: float | None = None,
        on_progress: Callable[[Prediction], object] | None = None,
    ) -> Flow[Prediction]:
        """Create a prediction and, unless ``wait=False``, wait until it ends.

        It is billed once. After a lost answer the newest predictions are searched for it before anything
        is sent again. An interrupt while waiting cancels it remotely.

        Parameters
        ----------
        model : str
            The model's slug, such as ``"truefusion-pro"``.
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
            Called with the `Prediction` each time it is read.

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
        conversation = self._connection.conversation
        sent = yield from inputs.plain(conversation, model, input)
        return (
            yield from flows.create(
                conversation,
                model,
                sent,
                wait=wait,
                webhook=webhook,
                webhook_events_filter=webhook_events_filter,
                timeout=timeout,
                on_progress=on_progress,
            )
        )

    @operation
    def get(self, id: str) -> Flow[Prediction]:
        """Read a prediction as it stands now.

        Parameters
        ----------
        id : str
            The prediction's id.

        Returns
        -------
        Prediction
            Whatever its status, failed ones too.

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
        return flows.get(self._connection.conversation, id)

    @operation
    def wait(
        self,
        prediction: Prediction | str,
        *,
        timeout: float | None = None,
        on_progress: Callable[[Prediction], object] | None = None,
    ) -> Flow[Prediction]:
        """Wait until a prediction ends. An interrupt leaves it running.

        Parameters
        ----------
        prediction : Prediction or str
            The prediction, or its id.
        timeout : float, optional
            Seconds to wait at most, half an hour when None.
        on_progress : callable, optional
            Called with the `Prediction` each time it is read.

        Returns
        -------
        Prediction
            Succeeded.

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
        return flows.wait(self._connection.conversation, prediction, timeout=timeout, on_progress=on_progress)

    @operation
    def cancel(self, id: str) -> Flow[Prediction]:
        """Cancel a prediction that has not ended.

        Whether the API bills what was canceled is not documented.

        Parameters
        ----------
        id : str
            The prediction's id.

        Returns
        -------
        Prediction
            As it stands after that.

        Examples
        --------
        >>> import skytells_nb as sky
        >>> with sky.Sandbox() as sandbox, sandbox.client() as client:
        ...     made = client.predictions.create("truefusion-video-pro", {"prompt": "waves"}, wait=False)
        ...     client.predictions.cancel(made.id).status
        'canceled'
        """
        return flows.cancel(self._connection.conversation, id)

    @operation
    def delete(self, id: str) -> Flow[None]:
        """Delete a prediction and its outputs at the API, for good. Local copies stay.

        Parameters
        ----------
        id : str
            The prediction's id.

        Examples
        --------
        >>> import skytells_nb as sky
        >>> with sky.Sandbox() as sandbox, sandbox.client() as client:
        ...     made = client.predictions.create("truefusion-edge", {"prompt": "a lighthouse"})
        ...     client.predictions.delete(made.id)
        """
        return flows.delete(self._connection.conversation, id)

    @operation
    def list(
        self,
        limit: int | None = 20,
        *,
        status: str | None = None,
        model: str | None = None,
        since: Moment = None,
        until: Moment = None,
    ) -> Flow[PredictionList]:
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

        Returns
        -------
        PredictionList

        Examples
        --------
        >>> import skytells_nb as sky
        >>> with sky.Sandbox() as sandbox, sandbox.client() as client:
        ...     made = client.predictions.create("truefusion-edge", {"prompt": "a lighthouse"})
        ...     client.predictions.list(limit=5, status="succeeded")
        PredictionList of 1: 1 succeeded
        """
        delay = 0.0 if options.progress is True else 1.0
        with bar(None, "predictions read", enabled=bool(options.progress), delay=delay) as shown:
            return (
                yield from listing.list_predictions(
                    self._connection.conversation,
                    limit=limit,
                    status=status,
                    model=model,
                    since=since,
                    until=until,
                    on_page=lambda read, total: shown.update(done=read, total=_wanted(limit, total)),
                )
            )

    @operation
    def reconcile(self, error: UncertainCreateError) -> Flow[Prediction | None]:
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
        return flows.reconcile(self._connection.conversation, error)


def _wanted(limit: int | None, total: int | None) -> int | None:
    return total if limit is None or total is None else min(limit, total)


class _Models(Face):
    """List models, and read one with its schemas."""

    @operation
    def list(self) -> Flow[ModelList]:
        """List the models that the key may use, with live pricing.

        Returns
        -------
        ModelList
            A real list, which also finds a model by its slug.

        Examples
        --------
        >>> import skytells_nb as sky
        >>> with sky.Sandbox() as sandbox, sandbox.client() as client:
        ...     client.models.list()["truefusion"].type
        'image'
        """
        return flows.list_models(self._connection.conversation)

    @operation
    def get(self, slug: str) -> Flow[Model]:
        """Read one model, with its input and output schemas.

        Parameters
        ----------
        slug : str
            The model's slug, such as ``"truefusion-pro"``.

        Raises
        ------
        NotFoundError
            There is no such model.

        Examples
        --------
        >>> import skytells_nb as sky
        >>> with sky.Sandbox() as sandbox, sandbox.client() as client:
        ...     client.models.get("truefusion").input_schema["required"]
        ['prompt']
        """
        return flows.model(self._connection.conversation, slug)


class Predictions(_Predictions, Blocking):
    """Create, read, wait for, list, cancel and delete predictions, each call until it is done."""


class AsyncPredictions(_Predictions, Awaiting):
    """Create, read, wait for, list, cancel and delete predictions; every method is a coroutine."""


class Models(_Models, Blocking):
    """List models, and read one with its schemas."""


class AsyncModels(_Models, Awaiting):
    """List models, and read one with its schemas; every method is a coroutine."""
