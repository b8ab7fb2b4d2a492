"""An error as a form shows it: a title in a few words, what it means, and what is left to do."""

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

_TITLES: Final[tuple[tuple[type[SkytellsError], str], ...]] = (
    (AuthenticationError, "Key refused"),
    (PermissionDeniedError, "Permission denied"),
    (InsufficientCreditsError, "No credit left"),
    (ContentPolicyError, "Content refused"),
    (BudgetExceeded, "Over budget"),
    (InvalidInputError, "Input refused"),
    (NotFoundError, "Model not found"),
    (RateLimitError, "Too many requests"),
    (UncertainCreateError, "Outcome unknown"),
    (NetworkError, "API unreachable"),
    (WaitTimeoutError, "Still running"),
    (PredictionError, "Prediction failed"),
    (OutputExpiredError, "Output expired"),
    (ServerError, "API error"),
)


@dataclass(frozen=True, slots=True)
class ErrorMessage:
    """What went wrong, in words."""

    title: str
    text: str
    detail: str = ""  # the server's own words, where they say more
    retry_after: float | None = None  # seconds until another try makes sense, after a rate limit
    field: str | None = None  # the input that the server refused, where it names one

    @property
    def html(self) -> str:
        detail = f'<div class="sky-muted">{escape(self.detail)}</div>' if self.detail else ""
        return (
            f'<div class="sky-error" role="alert" dir="auto"><b>{escape(self.title)}</b>'
            f"<div>{escape(self.text)}</div>{detail}</div>"
        )


NOT_SENT: Final = ErrorMessage("Not sent", "Fix the fields marked above.")


def describe(error: BaseException, names: Iterable[str] = ()) -> ErrorMessage:
    """Describe an error for a person; ``names`` are the inputs, of which the server may have refused one."""
    if not isinstance(error, SkytellsError):
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return ErrorMessage("Error", f"{text}. Whether anything was billed is not known.")
    title = next((title for kind, title in _TITLES if isinstance(error, kind)), "Error")
    if isinstance(error, PredictionError) and error.prediction and error.prediction.status == "canceled":
        title = "Canceled"
    detail = error.detail.strip()
    return ErrorMessage(
        title,
        error.message,
        detail if detail and detail.rstrip(".") not in error.message else "",
        error.retry_after if isinstance(error, RateLimitError) else None,
        _refused_field(f"{detail} {error.message}", names) if isinstance(error, InvalidInputError) else None,
    )


def _refused_field(text: str, names: Iterable[str]) -> str | None:
    """Find the one input that a complaint names; quoted names are surer than bare words."""
    known = [name for name in names if name]
    for pattern in (r"""["'`]{}["'`]""", r"\b{}\b"):
        found = [name for name in known if re.search(pattern.format(re.escape(name)), text)]
        if len(found) == 1:
            return found[0]
    return None
