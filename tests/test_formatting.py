"""Figures: each is written one way, exactly where it is exact, and unknown is never zero."""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
import pytest

from skytells_nb.formatting import (
    CREDITS,
    DOLLARS,
    format_bytes,
    format_clock,
    format_cost,
    format_count,
    format_number,
    format_price,
    format_range,
    format_seconds,
    money_unit,
)


class TestMoney:
    @pytest.mark.parametrize(
        ("amount", "unit", "text"),
        [
            (Decimal(0), "USD", "$0.00"),
            (Decimal("0.5"), "USD", "$0.50"),
            (Decimal("0.0300"), "USD", "$0.03"),
            (Decimal("0.0012"), "USD", "$0.0012"),
            (Decimal("0.0000005"), "USD", "$0.0000005"),
            (Decimal("0E-9"), "USD", "$0.00"),
            (Decimal("1E+3"), "USD", "$1,000.00"),
            (Decimal("0.02097152"), "USD", "$0.02097152"),
            (Decimal("-2.5"), "USD", "-$2.50"),
            (Decimal("-0"), "USD", "$0.00"),
            (Decimal("1234567.8"), "USD", "$1,234,567.80"),
            (Decimal("1E+2"), "USD", "$100.00"),
            (Decimal("1E+30"), "USD", "$1e+30"),
            (Decimal("2.5"), "EUR", "€2.50"),
            (Decimal("2.5"), "CHF", "2.50 CHF"),
            (Decimal(0), CREDITS, "0 credits"),
            (Decimal("0.0200"), CREDITS, "0.02 credits"),
            (Decimal(1), CREDITS, "1 credit"),
            (Decimal("1.00"), "sandbox credits", "1 sandbox credit"),
            (Decimal(1200), CREDITS, "1,200 credits"),
            (0.1, "USD", "$0.10"),
            (np.float64(0.3), "USD", "$0.30"),
            (3, "USD", "$3.00"),
        ],
    )
    def test_an_amount_has_one_text(self, amount: Decimal | float, unit: str, text: str):
        assert format_cost(amount, unit) == text

    @pytest.mark.parametrize("amount", [None, Decimal("NaN"), Decimal("Infinity"), float("nan")])
    def test_what_is_not_known_is_not_zero(self, amount: Decimal | float | None):
        assert format_cost(amount) == "unknown"
        assert format_price(amount, "image") == "unknown"
        assert format_range(amount, Decimal(1)) == "unknown"

    def test_noise_of_arithmetic_is_cut(self):
        assert format_cost(Decimal("0.1") + Decimal("1E-20")) == "$0.10"

    def test_a_tiny_amount_is_not_cut_to_zero(self):
        assert format_cost(Decimal("1E-13")) == "$0.0000000000001"

    @pytest.mark.parametrize(
        ("amount", "text"),
        [("0.02097152", "$0.021"), ("12.3456", "$12.35"), ("1234.567", "$1,234.57"), ("0", "$0.00")],
    )
    def test_what_is_about_so_much_is_rounded(self, amount: str, text: str):
        assert format_cost(Decimal(amount), digits=3) == text

    def test_a_notebooks_own_precision_does_not_round_it(self):
        with localcontext() as context:
            context.prec = 3
            assert format_cost(Decimal("1234.5678")) == "$1,234.5678"

    def test_a_range_names_the_unit_once(self):
        assert format_range(Decimal("0.07"), Decimal("0.1")) == "$0.07 to $0.10"
        assert format_range(Decimal("0.07"), Decimal("0.1"), CREDITS) == "0.07 to 0.1 credits"
        assert format_range(Decimal("0.1"), Decimal("0.10")) == "$0.10"

    @pytest.mark.parametrize(
        ("price", "text"),
        [
            (format_price(Decimal("0.030"), "image"), "$0.03/image"),
            (format_price(Decimal("0.02"), "image_megapixel"), "$0.02/image megapixel"),
            (format_price(Decimal("0.02"), None), "$0.02"),
            (format_price(Decimal("0.13"), "second", high=Decimal("0.17")), "$0.13 to $0.17/second"),
            (format_price(Decimal("0.13"), "second", CREDITS), "0.13 credits/second"),
        ],
    )
    def test_a_price_says_what_it_is_for(self, price: str, text: str):
        assert price == text

    def test_a_sandbox_bills_credits_and_the_api_dollars(self):
        assert money_unit(sandbox=True) == CREDITS
        assert money_unit(sandbox=False) == DOLLARS


class TestTime:
    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (0, "0 s"),
            (0.0004, "1 ms"),
            (0.012, "12 ms"),
            (0.05, "0.1 s"),
            (2.0, "2 s"),
            (10.52, "10.5 s"),
            (59.94, "59.9 s"),
            (59.96, "1 min"),
            (60, "1 min"),
            (83, "1 min 23 s"),
            (3599.6, "1 h"),
            (9_000, "2 h 30 min"),
            (None, "unknown"),
            (-1, "unknown"),
            (float("nan"), "unknown"),
            (float("inf"), "unknown"),
        ],
    )
    def test_a_duration_is_as_precise_as_it_matters(self, seconds: float | None, text: str):
        assert format_seconds(seconds) == text

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [(0.2, "1 s"), (9.4, "9 s"), (59.7, "1 min"), (61, "1 min 1 s"), (4e6, "1,111 h 6 min")],
    )
    def test_what_is_to_come_is_whole_seconds(self, seconds: float, text: str):
        assert format_seconds(seconds, whole=True) == text

    def test_a_players_clock(self):
        assert [format_clock(s) for s in (0.2, 8.2, 83, 3671)] == ["0:00", "0:08", "1:23", "1:01:11"]


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (29_617, "30 kB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (1_411_244, "1.4 MB"),
        (2_100_000_000, "2.1 GB"),
    ],
)
def test_a_size_has_two_digits_that_matter(size: int, text: str):
    assert format_bytes(size) == text


def test_counts_agree_with_their_noun():
    assert format_count(0, "prediction") == "0 predictions"
    assert format_count(1, "prediction") == "1 prediction"
    assert format_count(1200, "entry", "entries") == "1,200 entries"
    assert format_count(1_000_000) == "1,000,000"


def test_a_number_has_no_exponent():
    assert [format_number(Decimal(n)) for n in ("1E+3", "0.0200", "-0.0", "512")] == [
        "1000",
        "0.02",
        "0",
        "512",
    ]
