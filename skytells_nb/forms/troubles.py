"""What went wrong, as a form says it: a few words, what it means, and what is left to do. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Final

from ..exceptions import (
    AuthenticationError,
    BudgetExceeded,
    ContentPolicyError,
    InsufficientCreditsError,
    InvalidInputError,
    NetworkError,
    NotFoundError,
    OutputExpiredError,
    PermissionDeniedError,
    PredictionError,
    RateLimitError,
    ServerError,
    SkytellsError,
    UncertainCreateError,
    WaitTimeoutError,
)

__all__ = ["Trouble", "trouble_of"]

_TITLES: Final[tuple[tuple[type[SkytellsError], str], ...]] = (
    (AuthenticationError, "The key was refused"),
    (PermissionDeniedError, "This key may not do that"),
    (InsufficientCreditsError, "No credit left"),
    (ContentPolicyError, "The content was refused"),
    (BudgetExceeded, "Over the budget"),
    (InvalidInputError, "The input was refused"),
    (NotFoundError, "The model is not there"),
    (RateLimitError, "Too many requests"),
    (UncertainCreateError, "Nobody knows what became of it"),
    (NetworkError, "The API cannot be reached"),
    (WaitTimeoutError, "Still running"),
    (PredictionError, "The prediction failed"),
    (OutputExpiredError, "The output is gone"),
    (ServerError, "The API failed"),
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong.

    Attributes
    ----------
    title, words : str
        In a few words; and what it means for money and data, and what to do.
    detail : str
        The server's own words, where they say more.
    wait : float or None
        Seconds until another try makes sense, of a rate limit.
    field : str or None
        The name of the input that the server complains of, where it names one.
    """

    title: str
    words: str
    detail: str = ""
    wait: float | None = None
    field: str | None = None

    @property
    def html(self) -> str:
        """It, as a piece of HTML."""
        detail = f'<div class="sky-muted">{escape(self.detail)}</div>' if self.detail else ""
        return (
            f'<div class="sky-trouble" role="alert"><b>{escape(self.title)}</b>'
            f"<div>{escape(self.words)}</div>{detail}</div>"
        )


def trouble_of(error: BaseException, names: Iterable[str] = ()) -> Trouble:
    """Put an error in words.

    Parameters
    ----------
    error : BaseException
        What was raised.
    names : iterable of str
        The names of the inputs, to find the one that the server complains of.

    Examples
    --------
    >>> from skytells_nb.exceptions import InsufficientCreditsError
    >>> from skytells_nb.forms.troubles import trouble_of
    >>> trouble_of(InsufficientCreditsError("Nothing was billed. Add credit.")).title
    'No credit left'
    """
    if not isinstance(error, SkytellsError):
        words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return Trouble("Something went wrong", f"{words}. Whether anything was billed is not known.")
    title = next((words for kind, words in _TITLES if isinstance(error, kind)), "It did not work")
    if isinstance(error, PredictionError) and error.prediction and error.prediction.status == "canceled":
        title = "Canceled"
    detail = error.detail.strip()
    return Trouble(
        title,
        error.message,
        detail if detail and detail.rstrip(".") not in error.message else "",
        error.retry_after if isinstance(error, RateLimitError) else None,
        _field(f"{detail} {error.message}", names) if isinstance(error, InvalidInputError) else None,
    )


def _field(words: str, names: Iterable[str]) -> str | None:
    """Find the one input that a complaint names; quoted names are surer than bare words."""
    known = [name for name in names if name]
    for pattern in (r"""["'`]{}["'`]""", r"\b{}\b"):
        found = [name for name in known if re.search(pattern.format(re.escape(name)), words)]
        if len(found) == 1:
            return found[0]
    return None
