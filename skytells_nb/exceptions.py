"""What can go wrong, one class per cause, in one tree.

    SkytellsError
    ├─ AuthenticationError        401
    ├─ PermissionDeniedError      403
    ├─ InsufficientCreditsError   402
    ├─ ContentPolicyError         451
    ├─ InvalidInputError          400, 422, and whatever is refused before it is sent
    ├─ NotFoundError              404, and the 502 documented for a missing prediction
    ├─ RateLimitError             429
    ├─ ServerError                5xx, and answers that cannot be read
    ├─ NetworkError               no answer at all
    ├─ StreamInterruptedError     a stream of text broke off; the error has what had come
    ├─ WaitTimeoutError           the wait ended, the prediction goes on
    ├─ UncertainCreateError       a create was sent, and nobody knows what became of it
    ├─ PredictionError            the prediction itself failed or was canceled
    ├─ BudgetExceededError        refused by a budget, nothing was sent
    ├─ OutputExpiredError         the API has deleted the output
    └─ WebhookSignatureError      a delivery that the API did not sign

Which answer becomes which is decided in ``api/_responses.py``.
Every message says what happened and what to do, in two plain sentences.
Every error can be pickled, so it crosses process pools and Dask workers whole.
"""

from __future__ import annotations

import os
import re

from .plaintext import clean, hide_keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from typing import Any, Final

    from .models import Prediction

__all__ = [
    "AuthenticationError",
    "BudgetExceeded",
    "BudgetExceededError",
    "ContentPolicyError",
    "InsufficientCreditsError",
    "InvalidInputError",
    "NetworkError",
    "NotFoundError",
    "OutputExpiredError",
    "PermissionDeniedError",
    "PredictionError",
    "RateLimitError",
    "ServerError",
    "SkytellsError",
    "SkytellsWarning",
    "StreamInterruptedError",
    "UncertainCreateError",
    "WaitTimeoutError",
    "WebhookSignatureError",
]


def reword(error: SkytellsError, message: str) -> None:
    """Give an error another message, also where it is printed or pickled."""
    error.message = message
    error.args = (message, *error.args[1:])


class SkytellsWarning(UserWarning):
    """Something worth knowing that did not stop the work, such as a download that failed.

    Examples
    --------
    >>> import warnings
    >>> import skytells_nb as sky
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", sky.SkytellsWarning)  # stop at the first, in here
    """


def warn_user(text: str) -> None:
    """Warn of something that must not stop the work; where warnings are errors, log it instead.

    It is shown each time it is true: of warnings from one line that read alike, Python shows but the first.
    And it is shown as a sentence, with no file and line of ours before it, since it may come from a thread of
    the toolkit, or from the place where a cell was interrupted.
    """
    import warnings
    from contextlib import suppress
    from functools import partial
    from logging import getLogger

    text = hide_keys(clean(text))
    global _formats_warnings
    if not _formats_warnings:
        _formats_warnings = True
        warnings.formatwarning = partial(_format_warning, warnings.formatwarning)
    try:
        warnings.warn_explicit(text, SkytellsWarning, "skytells_nb", 0, module="skytells_nb")
    except SkytellsWarning:
        with suppress(Exception):
            getLogger("skytells_nb").warning(text)


def _format_warning(
    otherwise: Callable[..., str], message: Warning | str, category: type[Warning], *place: Any
) -> str:
    if place[1] == 0 and issubclass(category, SkytellsWarning):
        return f"{category.__name__}: {message}\n"
    return otherwise(message, category, *place)


_formats_warnings = False


class SkytellsError(Exception):
    """Base class of every error this toolkit raises.

    Parameters
    ----------
    message : str
        What happened, and what to do.
    detail : str, optional
        The server's own words: its ``details`` where it gave any, else its message.
    error_id : str, optional
        The API's identifier, such as ``"MODEL_NOT_FOUND"`` (skytells-api.md section 9.2).
    status_code : int, optional
        The HTTP status of the answer, where there was one.
    request_id : str, optional
        The API's name for the request, worth quoting to its support.
    charged : bool, optional
        Whether this call was billed; None when that cannot be known.
    code, param : str, optional
        What the routes of text models say more: OpenAI's word for the error, and the parameter it is about.
    effect : str
        What did not happen because of it, such as ``Nothing was sent.``, where somebody would fear it.
        It is the last sentence of ``str(error)``.

    Examples
    --------
    >>> from skytells_nb.exceptions import SkytellsError
    >>> error = SkytellsError("The key was refused.", status_code=401, charged=False)
    >>> error.message, error.status_code, error.charged
    ('The key was refused.', 401, False)
    """

    def __init__(
        self,
        message: str = "",
        *,
        detail: str | None = None,
        error_id: str | None = None,
        status_code: int | None = None,
        request_id: str | None = None,
        charged: bool | None = None,
        code: str | None = None,
        param: str | None = None,
        effect: str = "",
    ) -> None:
        message = hide_keys(clean(message))  # it may quote a server or an argument, and is shown to others
        super().__init__(message)
        self.message = message
        self.detail = message if detail is None else hide_keys(clean(detail))
        self.error_id = error_id
        self.status_code = status_code
        self.request_id = request_id
        self.charged = charged
        self.code = code
        self.param = param
        self.effect = effect

    def __str__(self) -> str:
        effect = getattr(self, "effect", "")
        return f"{super().__str__()} {effect}".strip() if effect else super().__str__()

    def __reduce__(self) -> tuple[Callable[..., SkytellsError], tuple[object, ...], dict[str, Any]]:
        # The state comes last, since it may hold this very error, as the ``results`` of a gather do.
        return _rebuild, (type(self), self.args), self.__dict__


def _rebuild(cls: type[SkytellsError], args: tuple[object, ...]) -> SkytellsError:
    error = cls.__new__(cls, *args)
    error.args = args
    return error


class AuthenticationError(SkytellsError):
    """The key is missing, malformed or refused (401). Nothing was billed.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> try:
    ...     sky.Client(api_key="two words")
    ... except sky.AuthenticationError as error:
    ...     print(error.charged)
    False
    """


class PermissionDeniedError(SkytellsError):
    """The key is valid but may not do this (403): plan, model, route, or a suspended account.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox() as sandbox, sandbox.client() as client:
    ...     sandbox.faults.next("forbidden")
    ...     try:
    ...         client.predictions.create("truefusion", {"prompt": "a fox"})
    ...     except sky.PermissionDeniedError as error:
    ...         print(error.status_code, error.charged)
    403 False
    """


class InsufficientCreditsError(SkytellsError):
    """The account has no credit left for this call (402). Never tried again by itself.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox() as sandbox, sandbox.client() as client:
    ...     sandbox.faults.next("no_credit")
    ...     try:
    ...         client.predictions.create("truefusion", {"prompt": "a fox"})
    ...     except sky.InsufficientCreditsError as error:
    ...         print(error.status_code, error.charged)
    402 False
    """


class ContentPolicyError(SkytellsError):
    """The API refused the content of the input (451).

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox() as sandbox, sandbox.client() as client:
    ...     sandbox.faults.next("content_policy")
    ...     try:
    ...         client.predictions.create("truefusion", {"prompt": "a fox"})
    ...     except sky.ContentPolicyError as error:
    ...         print(error.status_code, error.charged)
    451 False
    """


_COROUTINE: Final = re.compile(r"<coroutine object |\b(?:not|an?|is|one|type) coroutine\b")


class InvalidInputError(SkytellsError):
    """The input cannot be used: refused by the API (400, 422) or before anything was sent.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox() as sandbox, sandbox.client() as client:
    ...     try:
    ...         client.predictions.create("truefusion", {"prompt": "a fox", "aspect_ratio": "7:3"})
    ...     except sky.InvalidInputError as error:
    ...         print(error.status_code, error.charged)
    422 False
    """

    def __init__(self, message: str = "", *, charged: bool | None = False, **facts: Any) -> None:
        if _COROUTINE.search(message) and "`await`" not in message:  # whatever it was to be
            message += " A call of an AsyncClient needs `await` before it."
        super().__init__(message, charged=charged, **facts)


class NotFoundError(SkytellsError):
    """No such model or prediction (404, or the 502 documented for a missing prediction).

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox() as sandbox, sandbox.client() as client:
    ...     try:
    ...         client.models.get("truefusion-9")
    ...     except sky.NotFoundError as error:
    ...         print(error.error_id)
    MODEL_NOT_FOUND
    """


class RateLimitError(SkytellsError):
    """Too many requests, or too many jobs at once (429).

    Attributes
    ----------
    retry_after : float
        Seconds to wait before the next try; always a number.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox() as sandbox, sandbox.client(max_retries=0) as client:
    ...     sandbox.faults.next("rate_limit", retry_after=7)
    ...     try:
    ...         client.predictions.create("truefusion", {"prompt": "a fox"})
    ...     except sky.RateLimitError as error:
    ...         print(error.retry_after, error.charged)
    7.0 False
    """

    def __init__(self, message: str = "", *, retry_after: float = 1.0, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.retry_after = retry_after


class ServerError(SkytellsError):
    """The API failed (5xx), or answered with something that cannot be read.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox() as sandbox, sandbox.client(max_retries=0) as client:
    ...     sandbox.faults.next("server_error", on="models")
    ...     try:
    ...         client.models.list()
    ...     except sky.ServerError as error:
    ...         print(error.status_code)
    500
    """


class NetworkError(SkytellsError):
    """No answer: refused, unresolved, dropped or timed out on the way.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Client(api_key="sk-any", base_url="http://127.0.0.1:9/v1", max_retries=0) as client:
    ...     try:
    ...         client.predictions.create("truefusion", {"prompt": "a fox"})
    ...     except sky.NetworkError as error:
    ...         print(error.charged)  # nothing was sent
    False
    """


class StreamInterruptedError(SkytellsError):
    """A stream of text broke off before its end. What came of it may have been billed, and is in here.

    Attributes
    ----------
    text : str
        What had been written until then.
    completion : ChatCompletion or Response
        The same, as a value.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox(seconds=0) as sandbox, sandbox.client() as client:
    ...     sandbox.faults.next("text", quirk="cut")
    ...     try:
    ...         for piece in client.chat.completions.create("gpt-5", "Why is the sea blue?", stream=True):
    ...             pass
    ...     except sky.StreamInterruptedError as error:
    ...         print(len(error.text) > 10, error.charged)
    True None
    """

    def __init__(self, message: str = "", *, text: str = "", completion: Any = None, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.text = text
        self.completion = completion


class WaitTimeoutError(SkytellsError):
    """The wait ended before the prediction did. The prediction goes on, and is not lost.

    Attributes
    ----------
    prediction : Prediction
        As last seen; ``client.predictions.wait(error.prediction)`` takes the wait up again.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox(seconds=0.5) as sandbox, sandbox.client() as client:
    ...     try:
    ...         fox = client.predictions.create("truefusion", {"prompt": "a fox"}, wait=True, timeout=0.1)
    ...     except sky.WaitTimeoutError as error:
    ...         fox = client.predictions.wait(error.prediction)
    >>> fox.status
    'succeeded'
    """

    def __init__(self, message: str = "", *, prediction: Prediction | None = None, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.prediction = prediction


class UncertainCreateError(SkytellsError):
    """A create was sent, no usable answer came, and no prediction was found that it made.

    It may have been billed. ``client.predictions.reconcile(error)`` looks again.

    Attributes
    ----------
    model : str
        The model that was asked for.
    input : dict
        The input that was sent.
    since : datetime
        When it was sent, by the server's clock where that is known.
    known : frozenset of str
        Ids of predictions that cannot be it: known before it was sent, or another create's.
    attempt : str
        A name for the create that was sent; pickled copies of its error have the same.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox() as sandbox, sandbox.client() as client:
    ...     sandbox.faults.next("drop_before")
    ...     try:
    ...         client.predictions.create("truefusion", {"prompt": "a fox"})
    ...     except sky.UncertainCreateError as error:
    ...         print(client.predictions.reconcile(error))  # look again; None: not found
    None
    """

    def __init__(
        self,
        message: str = "",
        *,
        model: str = "",
        input: dict[str, Any] | None = None,
        since: datetime | None = None,
        known: frozenset[str] = frozenset(),
        attempt: str | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(message, **facts)
        self.model = model
        self.input = input
        self.since = since
        self.known = known
        self.attempt = attempt or os.urandom(16).hex()


class PredictionError(SkytellsError):
    """The prediction itself failed or was canceled.

    Attributes
    ----------
    prediction : Prediction
        As it ended, with its id, its error text and what it cost where the API says so.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox(seconds=0) as sandbox, sandbox.client() as client:
    ...     sandbox.faults.next("failed")
    ...     try:
    ...         client.predictions.create("truefusion", {"prompt": "a fox"}, wait=True)
    ...     except sky.PredictionError as error:
    ...         print(error.prediction.status, error.prediction.error)
    failed ...
    """

    def __init__(self, message: str = "", *, prediction: Prediction | None = None, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.prediction = prediction


class BudgetExceededError(SkytellsError):
    """A budget refused this create before anything was sent.

    Attributes
    ----------
    estimate : Estimate
        What the create was reckoned to cost.
    remaining : Decimal
        What the tightest open budget still allows.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox() as sandbox, sandbox.client() as client, sky.budget(0.01):
    ...     try:
    ...         client.predictions.create("truefusion", {"prompt": "a fox"})
    ...     except sky.BudgetExceededError as error:
    ...         print(error.estimate.price, error.remaining)
    0.03 credits 0.01
    """

    def __init__(
        self, message: str = "", *, estimate: object = None, remaining: object = None, **facts: Any
    ) -> None:
        super().__init__(message, **facts)
        self.estimate = estimate
        self.remaining = remaining


BudgetExceeded = BudgetExceededError  # its first name, which code that is out there catches


class OutputExpiredError(SkytellsError):
    """The API has deleted this output, and no archive holds a copy.

    Attributes
    ----------
    prediction : Prediction
        The prediction whose output is gone; its record is still there.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox(seconds=0) as sandbox, sandbox.client(archive=False) as client:
    ...     fox = client.predictions.create("truefusion-edge", {"prompt": "a fox"}, wait=True)
    ...     sandbox.faults.next("expired")
    ...     try:
    ...         sky.load(fox)
    ...     except sky.OutputExpiredError as error:
    ...         print(error.prediction.id == fox.id)
    True
    """

    def __init__(self, message: str = "", *, prediction: Prediction | None = None, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.prediction = prediction


class WebhookSignatureError(SkytellsError):
    """A webhook delivery whose signature does not match: not from the API, or the wrong secret.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> try:
    ...     sky.webhooks.verify(b'{"id": "p1"}', "not its signature", "whsec")
    ... except sky.WebhookSignatureError as error:
    ...     print(error.charged)
    False
    """
