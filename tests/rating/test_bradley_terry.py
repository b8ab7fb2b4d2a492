"""Scores from votes: those of a published implementation, unbiased, and sure of no more than they know."""

from __future__ import annotations

import numpy as np
import pytest

from skytells_nb.rating._bradley_terry import PENALTY, Scores, fit, verdict


def tournament(rng: np.random.Generator) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Return the points of a random tournament, and its games as choix takes them."""
    models, games = int(rng.integers(2, 8)), int(rng.integers(1, 25))
    strengths, points, listed = rng.normal(0, 1.2, models), np.zeros((models, models)), []
    for _ in range(games):
        one, other = (int(each) for each in rng.choice(models, 2, replace=False))
        if rng.random() > chance(strengths[one] - strengths[other]):
            one, other = other, one
        points[one, other] += 1
        listed.append((one, other))
    return points, listed


def chance(lead: float) -> float:
    return float(1 / (1 + np.exp(-lead)))


def vote_on(
    rng: np.random.Generator, scores: Scores, points: np.ndarray, better: float | None, truth
) -> None:
    """Let a simulated voter vote on the two models that one more vote tells most about."""
    gains = np.triu(scores.gains, 1) + np.triu(rng.random(points.shape), 1) * 1e-6
    one, other = np.unravel_index(np.argmax(gains), gains.shape)
    right = chance(truth[one] - truth[other]) if better is None else better
    if rng.random() > right:
        one, other = other, one
    points[one, other] += 1


def arena(rng: np.random.Generator, truth, votes: int, better: float | None = None) -> Scores:
    points = np.zeros((len(truth), len(truth)))
    for _ in range(votes):
        vote_on(rng, fit(points), points, better, truth)
    return fit(points)


@pytest.fixture
def choix():
    import choix  # and with it SciPy, which no other process of the suite need wait for

    return choix


def test_a_thousand_random_tournaments_are_scored_as_choix_scores_them(choix):
    rng = np.random.default_rng(15)
    for _ in range(1_000):
        points, games = tournament(rng)
        ours = fit(points).values
        # From our own scores choix has little to do where they are right, and the way is the same from any.
        theirs = choix.opt_pairwise(len(points), games, alpha=PENALTY, initial_params=ours, tol=1e-9)
        assert ours == pytest.approx(theirs - theirs.mean(), abs=1e-6)


def test_ties_count_as_half_a_vote_for_each(choix):
    points = np.array([[0, 3.5, 1], [1.5, 0, 2.5], [2, 0.5, 0]])
    twice = [(i, j) for i in range(3) for j in range(3) for _ in range(round(2 * points[i, j]))]
    theirs = choix.opt_pairwise(3, twice, alpha=2 * PENALTY, tol=1e-9)
    assert fit(points).values == pytest.approx(theirs - theirs.mean(), abs=1e-6)


def test_simulated_voters_are_ranked_without_bias_and_within_the_intervals():
    truth, rng = np.array([0.8, 0.0, -0.8]), np.random.default_rng(4)
    found = [arena(rng, truth, 40) for _ in range(40)]
    values = np.array([each.values for each in found])
    error = values.std(axis=0) / np.sqrt(len(values))
    assert (np.abs(values.mean(axis=0) - truth) < 0.05 + 3 * error).all()
    inside = np.mean([(each.intervals[:, 0] <= truth) & (truth <= each.intervals[:, 1]) for each in found])
    assert inside > 0.92


def test_thirty_votes_of_who_is_right_four_times_in_five_rank_three_models():
    rng = np.random.default_rng(5)
    runs = [arena(rng, [1.0, 0.0, -1.0], 30, better=0.8).values for _ in range(40)]
    assert sum(a > b > c for a, b, c in runs) >= 36


def test_where_nobody_is_better_it_is_seldom_more_than_chance():
    rng = np.random.default_rng(6)
    said = [verdict("abc", arena(rng, [0.0, 0.0, 0.0], 20)) for _ in range(40)]
    assert sum("more than chance" in each for each in said) <= 2


def test_who_never_lost_has_a_finite_score_and_a_wide_interval():
    scores = fit([[0, 20], [0, 0]])
    assert scores.values[0] == -scores.values[1]
    assert 1 < scores.values[0] < 4
    assert scores.intervals[0, 0] < scores.values[0] < scores.intervals[0, 1]


def test_the_verdict_says_how_sure_it_is():
    assert verdict("ab", fit(np.zeros((2, 2)))) == "There are no votes yet."
    assert verdict("ab", fit([[0, 4], [4, 0]])).startswith("a and b are level after 8 votes.")
    assert verdict("ab", fit([[0, 3], [2, 0]])).startswith("a leads b, but that may be chance: equal models")
    assert verdict("ab", fit([[0, 1], [0, 0]])).count("1 vote") == 1
    sure = "b is preferred over a, and that is more than chance (40 votes)."
    assert verdict("ab", fit([[0, 8], [32, 0]])) == sure


def test_a_vote_is_asked_for_where_it_tells_most():
    gains = fit([[0, 9, 9], [9, 0, 1], [9, 1, 0]]).gains
    assert np.unravel_index(np.argmax(gains), gains.shape) == (1, 2)
    assert (np.diag(gains) == 0).all()
