"""One tree of errors: as drawn, with all they know, through pickle and back."""

from __future__ import annotations

import copy
import pickle
import re
import subprocess
import sys
import textwrap
import traceback
import warnings
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

import skytells_nb as sky
from skytells_nb import exceptions
from skytells_nb.exceptions import (
    BudgetExceeded,
    InvalidInputError,
    OutputExpiredError,
    PredictionError,
    RateLimitError,
    SkytellsError,
    SkytellsWarning,
    UncertainCreateError,
    WaitTimeoutError,
    warn_user,
)
from skytells_nb.models import Prediction

FACTS: dict[str, Any] = {
    "detail": "The key is not known.",
    "error_id": "UNAUTHORIZED",
    "status_code": 401,
    "request_id": "req-1",
    "charged": False,
}
PREDICTION = Prediction.from_api({"id": "p1", "status": "failed", "error": "no"})
OWN: dict[type[SkytellsError], dict[str, Any]] = {
    RateLimitError: {"retry_after": 2.5},
    WaitTimeoutError: {"prediction": PREDICTION},
    PredictionError: {"prediction": PREDICTION},
    OutputExpiredError: {"prediction": PREDICTION},
    BudgetExceeded: {"estimate": "an estimate", "remaining": Decimal("0.10")},
    UncertainCreateError: {
        "model": "truefusion",
        "input": {"prompt": "a fox"},
        "since": datetime(2026, 1, 1, tzinfo=UTC),
    },
}
ERRORS = [
    found
    for name, found in vars(exceptions).items()
    if isinstance(found, type) and issubclass(found, SkytellsError) and found.__name__ == name
]


def make(kind: type[SkytellsError]) -> SkytellsError:
    return kind("What happened.", **OWN.get(kind, {}), **FACTS)


def test_the_tree_in_the_docstring_is_the_tree_of_classes():
    drawn = re.findall(r"^    (?:[├└]─ )?(\w+)", exceptions.__doc__ or "", re.MULTILINE)
    assert drawn[0] == "SkytellsError"
    assert drawn == [kind.__name__ for kind in ERRORS]
    assert {kind.__bases__ for kind in ERRORS[1:]} == {(SkytellsError,)}


def test_everything_exported_is_there_and_everything_there_is_exported():
    assert exceptions.__all__ == sorted(
        [*(kind.__name__ for kind in ERRORS), "BudgetExceeded", "SkytellsWarning"]
    )
    assert exceptions.BudgetExceeded is exceptions.BudgetExceededError  # published before it had the suffix


def test_what_did_not_happen_is_its_last_sentence():
    error = exceptions.InvalidInputError("The prompt is empty.", effect="Nothing was sent.", charged=False)
    for same in (error, pickle.loads(pickle.dumps(error))):
        assert (same.message, str(same)) == ("The prompt is empty.", "The prompt is empty. Nothing was sent.")


def test_what_was_not_awaited_is_told_whoever_is_given_it():
    async def ask() -> None: ...

    asked = ask()
    for call in (sky.load, sky.predictions_frame, sky.Archive, sky.webhooks.parse):
        with pytest.raises(InvalidInputError, match=r"needs `await` before it\.$") as raised:
            call(asked)  # type: ignore[operator]  # functions and a class
        assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)
    asked.close()


@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize("carry", [pickle.dumps, copy.copy, copy.deepcopy])
def test_every_error_crosses_processes_with_all_it_knows(kind: type[SkytellsError], carry: Any):
    error = make(kind)
    error.add_note("tried 3 times")
    carried = carry(error)
    twin = pickle.loads(carried) if isinstance(carried, bytes) else carried
    assert type(twin) is kind
    assert str(twin) == twin.message == "What happened."
    for name, value in (FACTS | OWN.get(kind, {})).items():
        assert getattr(twin, name) == value
    assert vars(twin) == vars(error)
    assert twin.__notes__ == ["tried 3 times"]
    assert "tried 3 times" in "".join(traceback.format_exception(twin))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_pickle_protocol_will_do(protocol: int):
    error = make(UncertainCreateError)
    assert vars(pickle.loads(pickle.dumps(error, protocol))) == vars(error)


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_can_be_made_with_a_message_alone(kind: type[SkytellsError]):
    error = kind("What happened.")
    assert error.detail == error.message == "What happened."
    # An input that is refused costs nothing; of the others nobody knows.
    assert error.charged is (False if kind is InvalidInputError else None)
    assert {error.error_id, error.status_code, error.request_id} == {None}


def test_the_server_s_own_words_stay_as_they_are_even_when_there_are_none():
    assert SkytellsError("What happened.", detail="").detail == ""


def test_the_wait_after_a_rate_limit_is_always_a_number():
    assert RateLimitError("Too fast.").retry_after == 1.0
    assert RateLimitError("Too fast.").retry_after + 1 == 2.0  # as the course computes with it


def test_a_warning_is_no_error():
    assert issubclass(SkytellsWarning, UserWarning)
    assert not issubclass(SkytellsWarning, SkytellsError)


@pytest.mark.parametrize("kind", ERRORS[1:])
def test_every_class_says_what_it_is_for(kind: type[SkytellsError]):
    assert kind.__doc__
    assert kind.__doc__ != SkytellsError.__doc__


class TestWarnUser:
    def test_it_is_shown_each_time_it_is_true(self):
        with warnings.catch_warnings(record=True) as shown:
            warnings.simplefilter("default")
            for _ in range(2):
                warn_user("The archive is full.")
        assert [str(w.message) for w in shown] == ["The archive is full."] * 2

    def test_it_is_a_sentence_without_a_place_of_ours(self):
        script = """
            import warnings
            from skytells_nb.exceptions import SkytellsWarning, warn_user
            warn_user("Stopped.")
            warn_user("Stopped again.")
            warnings.warn_explicit("theirs", UserWarning, "cell.py", 3)
        """
        run = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True
        )
        assert run.stderr.splitlines() == [
            "SkytellsWarning: Stopped.",
            "SkytellsWarning: Stopped again.",
            "cell.py:3: UserWarning: theirs",
        ]

    def test_it_is_logged_where_warnings_are_errors(self, caplog):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warn_user("The archive is full.")
        assert caplog.messages == ["The archive is full."]
