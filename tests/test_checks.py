"""Argument checks: what passes, what is refused, and with which sentence."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from skytells_nb.checks import (
    check_amount,
    check_callable,
    check_choice,
    check_flag,
    check_path,
    check_seconds,
    check_text,
    check_whole,
    closest,
    did_you_mean,
    expected,
)
from skytells_nb.exceptions import InvalidInputError


def refusal(check: Any, *args: Any, **options: Any) -> str:
    with pytest.raises(InvalidInputError) as caught:
        check(*args, **options)
    assert caught.value.charged is False
    return str(caught.value)


class TestWholeNumbers:
    @pytest.mark.parametrize("value", [1, 8, np.int64(3)])
    def test_numbers_within_bounds_pass(self, value: Any):
        checked = check_whole("limit", value, 1, 8)
        assert (checked, type(checked)) == (value, int)

    @pytest.mark.parametrize("value", [0, 9, True, 2.0, "2", None, np.float64(2)])
    def test_others_are_refused(self, value: Any):
        assert refusal(check_whole, "limit", value, 1, 8) == (
            f"limit must be a whole number from 1 to 8, not {value!r}."
        )

    def test_the_sentence_says_what_none_would_mean(self):
        assert refusal(check_whole, "limit", 0, 1, none="all") == (
            "limit must be a whole number of 1 or more, or None for all, not 0."
        )

    def test_without_bounds_any_will_do(self):
        assert check_whole("shift", -3) == -3
        assert refusal(check_whole, "shift", "x") == "shift must be a whole number, not 'x'."


class TestSeconds:
    @pytest.mark.parametrize("value", [1, 0.5, np.float32(2), Decimal("1.5")])
    def test_times_pass(self, value: Any):
        assert check_seconds("timeout", value) == float(value)

    @pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan"), True, "5", None, 10**400])
    def test_others_are_refused(self, value: Any):
        assert "timeout must be seconds, more than 0, not " in refusal(check_seconds, "timeout", value)

    def test_zero_passes_where_it_may(self):
        assert check_seconds("delay", 0, zero=True) == 0


class TestAmounts:
    @pytest.mark.parametrize(
        ("value", "amount"),
        [
            (0, "0"),
            (2.5, "2.5"),
            ("2.50", "2.50"),
            ("$3", "3"),
            (Decimal("0.1"), "0.1"),
            (np.float64(0.1), "0.1"),
        ],
    )
    def test_money_is_read_as_it_is_written(self, value: Any, amount: str):
        assert check_amount("budget", value) == Decimal(amount)

    @pytest.mark.parametrize("value", [-1, float("nan"), "free", "", None, True, [1]])
    def test_others_are_refused(self, value: Any):
        assert "budget must be an amount of 0 or more" in refusal(check_amount, "budget", value)


class TestTexts:
    def test_edges_are_cut(self):
        assert check_text("name", " portraits ") == "portraits"

    @pytest.mark.parametrize("value", ["", "  ", 3, None])
    def test_blank_and_other_things_are_refused(self, value: Any):
        assert refusal(check_text, "name", value) == f"name must be a text, not {value!r}."

    def test_a_long_one_is_refused_and_cut_in_the_sentence(self):
        message = refusal(check_text, "name", "x" * 5_000, longest=60)
        assert message.startswith("name must be a text of at most 60 characters, not 'xxx")
        assert len(message) < 150


class TestChoices:
    def test_one_of_them_passes(self):
        assert check_choice("per", "day", ["day", None]) == "day"
        assert check_choice("per", None, ["day", None]) is None

    def test_a_misspelt_one_is_guessed(self):
        assert refusal(check_choice, "status", "suceeded", ["succeeded", "failed"]) == (
            "status must be 'succeeded' or 'failed', not 'suceeded'. Did you mean 'succeeded'?"
        )

    def test_a_number_is_no_boolean(self):
        assert (
            refusal(check_choice, "progress", 1, [True, "auto"]) == "progress must be True or 'auto', not 1."
        )


class TestDidYouMean:
    @pytest.mark.parametrize(
        ("word", "meant"),
        [
            ("sead", "seed"),
            ("num-images", "num_images"),
            ("Prompt", "prompt"),
            ("promt", "prompt"),
            ("fox", None),
        ],
    )
    def test_spelling_case_and_hyphens(self, word: str, meant: str | None):
        assert closest(word, ["seed", "prompt", "num_outputs", "num_images"]) == meant

    def test_the_hint_is_a_sentence_or_nothing(self):
        assert did_you_mean("sead", ["seed"]) == " Did you mean 'seed'?"
        assert did_you_mean("fox", []) == ""


def test_flags_are_true_or_false_and_no_text():
    passed = [check_flag("wait", value) for value in (True, np.True_, 1, False, np.False_, 0, None)]
    assert passed == [True] * 3 + [False] * 4
    for value in ("False", "no", "", 2, [], pd.NA, np.array([True, False])):
        assert "wait must be True or False, not " in refusal(check_flag, "wait", value)


def test_what_can_be_called_passes():
    assert check_callable("on_progress", print) is print
    assert refusal(check_callable, "on_progress", 3, takes="a Prediction") == (
        "on_progress must be a function that takes a Prediction, not 3."
    )


def test_paths_are_texts_or_path_objects():
    assert check_path("path", "a/b.png") == Path("a/b.png")
    assert check_path("path", Path("~/x")) == Path.home() / "x"
    for value in ("", " ", 3, b"a", "a\0b", None):
        assert refusal(check_path, "path", value).startswith("path must be a path, not ")


def test_another_type_of_error_can_be_asked_for():
    class Misfit(InvalidInputError, TypeError):
        pass

    assert isinstance(expected("x", "y", 1, error=Misfit), Misfit)
    with pytest.raises(Misfit):
        check_whole("x", "y", error=Misfit)
