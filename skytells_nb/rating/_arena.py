"""`Arena`: which model is worth it, by blind choices between what two of them made.

What takes part is made or taken from the archive first, a task of each model; then come pairs to choose from,
the votes, and the ranking that follows from them.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast, get_args

import numpy as np

from ..aio import gather, on_loop, run
from ..api import (
    AsyncClient,
    Client,
    as_text_input,
    ask_for_prediction,
    ask_sandbox,
    client_of,
    find_reusable,
    is_ready,
)
from ..archive import Archive, Preference, Vote, prepare
from ..checks import check_choice, check_text, check_texts, check_variations
from ..exceptions import AuthenticationError, InvalidInputError, SkytellsError, warn_user
from ..formatting import format_cost, format_count, money_unit
from ..frames import plot_ranking, ranking_frame, votes_frame
from ..models import Model, Prediction, slugs_of
from ..plaintext import encodable
from ..pricing import together
from ..schema import is_frame, rows_of
from ..spending import budget as spending_budget
from ..spending import estimate
from ._bradley_terry import Scores, fit, verdict
from ._rater import Watched

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

    from ._widgets import ArenaWidget

_LONGEST_NAME: Final = 60
_TEXT_TYPES: Final = ("text", "code", "multimodal")
_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Task:
    """One prompt, with what else every model is given, and a digest of both to know its votes again by."""

    prompt: str
    input: dict[str, Any]
    key: str


class Pair(NamedTuple):
    """Two predictions of one task, as they stand side by side."""

    left: Prediction
    right: Prediction


class Arena(Watched):
    """Which of several models is worth it: what they make of the same prompts, two at a time, unnamed.

    What the archive has is taken from there, and the rest is made, once its price was printed. As a cell's
    last line an arena shows two outputs side by side, in random order, without a word of which model made
    them. Vote with the buttons or the arrow keys: left, right, up for both good, down for neither. Votes are
    kept in the archive, and an arena of the same models and prompts goes on with them.

    Parameters
    ----------
    models : list of str
        Two or more slugs; all of them write text, or none does.
    prompts : str, list of str or DataFrame
        What each of them is asked. A frame, as of ``sky.grid``, has a task in each row: its ``prompt``, and
        what they are given besides.
    inputs : dict or list of dict, optional
        What they are given besides the prompt: one dict, or several, with each of which each prompt is a
        task of its own, such as ``[{"seed": 1}, {"seed": 2}]``.
    budget : Decimal, float or str, optional
        Dollars that making may cost at most, as in ``with sky.budget(...)``. What would cross it is not made
        and takes no part.
    client : Client or AsyncClient, optional
        The newest open one when None; ``sky.connect()`` when there is none. It needs an archive.

    Raises
    ------
    InvalidInputError
        There is no archive, one model alone, or an input that a model does not take. Nothing was sent.
    BudgetExceeded
        The budget is not enough for a single pair.
    SkytellsError
        No two models could do the same task.

    Examples
    --------
    >>> import tempfile
    >>> import skytells_nb as sky
    >>> with tempfile.TemporaryDirectory() as folder, sky.Sandbox(seconds=0.05) as sandbox:
    ...     with sky.Archive(folder) as archive, sandbox.client(archive=archive) as client:
    ...         arena = sky.Arena(["truefusion", "truefusion-edge"], ["a red fox", "an owl"], client=client)
    ...         left, right = arena.pair
    ...         arena.vote("left" if left.model == "truefusion" else "right")
    ...         arena.ranking()[["model", "wins", "games"]].values.tolist()
    4 predictions: 2 models × 2 tasks, 0.08 credits at most; what the archive has is not made again
    [['truefusion', 1.0, 1], ['truefusion-edge', 0.0, 1]]
    """

    def __init__(
        self,
        models: Iterable[str],
        prompts: str | Iterable[str] | DataFrame,
        *,
        inputs: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        budget: Decimal | float | str | None = None,
        client: Client | AsyncClient | None = None,
    ) -> None:
        names = check_texts("models", slugs_of(models))
        if len(names) < 2:
            raise InvalidInputError(
                f"An arena compares two models or more, and {names[0]!r} is alone. Nothing was sent."
            )
        self._tasks = {task.key: task for task in parse_tasks(prompts, inputs)}
        self._client = client_of(client)
        archive = self._client.connection.archive
        if not isinstance(archive, Archive):
            raise InvalidInputError(
                "An arena needs an archive, to keep pictures and votes in: use connect(), or "
                "Client(archive=True). Nothing was sent."
            )
        known = run(gather(*(self._client.models.get(name) for name in names), progress=False))
        self._models = [model.id for model in known]
        # What can be looked at, by the task's key and the model.
        self._made = _make(self._client, archive, known, [*self._tasks.values()], budget)
        super().__init__()
        self._log = archive.vote_log()
        self._lock = threading.RLock()
        self._random = random.Random()  # noqa: S311 - sides, no secrets
        self._voter = "me"
        self._pair: tuple[Task, Pair] | None = None
        self._gone: set[str] = set()
        self._votes: dict[tuple[str, str, frozenset[str]], Vote] = {}
        self._read()
        self._choose()

    # --- choosing ----------------------------------------------------------------------------------------

    @property
    def voter(self) -> str:
        """Whose the next votes are, ``"me"`` at first."""
        return self._voter

    @voter.setter
    def voter(self, name: str) -> None:
        with self._lock:
            self._voter = check_text("voter", name, longest=_LONGEST_NAME, what="a name")
            self._choose()
        self._tell()

    @property
    def pair(self) -> Pair | None:
        """What is to be chosen from next: two predictions; None when the voter has seen every pair.

        It stays until there is a vote. Of the pairs that the voter has not seen, it is one that tells most
        about the ranking.
        """
        with self._lock:
            if self._pair is not None and any(map(self._is_gone, self._pair[1])):
                self._choose()
            return None if self._pair is None else self._pair[1]

    def vote(self, choice: Preference, voter: str | None = None) -> None:
        """Vote on `pair`; the next one is chosen then.

        Parameters
        ----------
        choice : {"left", "right", "both", "neither"}
            Which is better; both are good, or neither is.
        voter : str, optional
            Whose vote it is; it becomes `Arena.voter`. As before unless given.

        Raises
        ------
        InvalidInputError
            The choice is no such word, or there is no pair left.
        SkytellsError
            The vote cannot be written, and does not count.
        """
        found = check_choice("choice", choice, get_args(Preference))
        with self._lock:
            who = self._voter if voter is None else check_text("voter", voter, longest=_LONGEST_NAME)
            if self.pair is None or self._pair is None:
                raise InvalidInputError(
                    f"{self._voter} has voted on every pair. Make an arena with more prompts, or vote under "
                    "another name: arena.voter = …"
                )
            task, (left, right) = self._pair
            vote = self._vote(datetime.now(UTC), who, found, task, left, right)
            self._log.add([vote])
            if self._key(vote) in self._votes:
                warn_user(
                    f"{who} had voted on this pair before. The new vote takes the place of the old one."
                )
            self._count(vote)
            self._voter = who
            self._choose()
        self._tell()

    @property
    def progress(self) -> tuple[int, int]:
        """How many pairs the voter has voted on, and how many there are."""
        with self._lock:
            return sum(who == self._voter for who, _, _ in self._votes), sum(1 for _ in self._pairs())

    def _choose(self) -> None:
        """Choose the next pair: the models that one more vote tells most about, and a task at random."""
        gains, models = self.scores.gains, self._models
        seen = {(task, pair) for who, task, pair in self._votes if who == self._voter}
        times = Counter(pair for _, _, pair in self._votes)
        found = []
        for task, left, right in self._pairs():
            names = frozenset((left, right))
            if (task.key, names) not in seen:
                gain = float(gains[models.index(left), models.index(right)])
                # Equal gains differ in their last digits; of those the pair that was shown least is next.
                found.append((-round(gain, 9), times[names], self._random.random(), task, left, right))
        self._pair = None
        for *_, task, left, right in sorted(found, key=lambda each: each[:3]):
            sides = [self._made[task.key, model] for model in (left, right)]
            if not any(map(self._is_gone, sides)):
                self._random.shuffle(sides)
                self._pair = task, Pair(*sides)
                return

    def _is_gone(self, made: Prediction) -> bool:
        """Whether an output was deleted meanwhile, which is told once."""
        gone = not _is_there(made)
        if gone and made.id not in self._gone:
            self._gone.add(made.id)
            warn_user(
                f"The output of {made.id} is no longer in the archive, so its pairs are left out. Make the "
                "arena again to have it made anew."
            )
        return gone

    def _pairs(self) -> Iterator[tuple[Task, str, str]]:
        for task in self._tasks.values():
            made = [model for model in self._models if (task.key, model) in self._made]
            for left, right in combinations(made, 2):
                yield task, left, right

    # --- counting ----------------------------------------------------------------------------------------

    @property
    def votes(self) -> DataFrame:
        """The votes so far, also those of other notebooks on this archive, and of a class.

        A DataFrame with a row each, oldest first: ``voted_at, voter, vote, winner, left, right, prompt,
        left_id, right_id``.
        """
        self.refresh()
        with self._lock:
            found = sorted(self._votes.values(), key=lambda vote: vote.voted_at)
        return votes_frame(map(asdict, found))

    def ranking(self) -> DataFrame:
        """Rank the models by all votes, best first.

        Returns
        -------
        DataFrame
            A row for each model. ``score`` is Bradley–Terry's: a lead of 1 means that 73 of 100 votes go to
            the leader, of 2 that 88 do; ``low`` and ``high`` bound it with 95 % confidence. ``wins`` counts
            ties as half, of ``games`` votes. ``mean_s`` is seconds and ``cost_each`` the cost of a
            prediction; ``cost_per_win`` is what it costs on average to make one that is preferred. What is
            not known is missing. ``attrs`` hold ``verdict``, ``votes`` and ``currency``.
        """
        self.refresh()
        with self._lock:
            count = len(self._votes)
            return ranking_frame(self.standings(), verdict=self.verdict, votes=count, currency=self.unit)

    def standings(self) -> list[dict[str, Any]]:
        """Return the rows of `ranking`, without asking for votes from elsewhere; None is not known."""
        with self._lock:
            scores, models = self.scores, self._models
        rows = []
        for at in np.argsort(-scores.values, kind="stable"):
            games, wins = round(scores.votes[at].sum()), float(scores.points[at])
            made = [each for (_, model), each in self._made.items() if model == models[at]]
            cost = _mean(each.cost for each in made)
            low, high = map(float, scores.intervals[at])
            rows.append(
                {
                    "model": models[at],
                    "score": float(scores.values[at]) if games else None,
                    "low": low if games else None,
                    "high": high if games else None,
                    "wins": wins,
                    "games": games,
                    "mean_s": _mean(each.seconds for each in made),
                    "cost_each": cost,
                    "cost_per_win": cost * games / wins if cost is not None and wins else None,
                }
            )
        return rows

    @property
    def unit(self) -> str:
        """What costs are counted in."""
        return money_unit(self._client.connection.account.sandbox)

    @property
    def verdict(self) -> str:
        """Which model leads, and whether that is more than chance."""
        with self._lock:
            return verdict(self._models, self.scores)

    @property
    def scores(self) -> Scores:
        """The scores of the models, in the order they were given, with what is known of their error."""
        models = self._models
        points = np.zeros((len(models), len(models)))
        with self._lock:
            for vote in self._votes.values():
                left, right = models.index(vote.left), models.index(vote.right)
                half = 0.5 if vote.vote in ("both", "neither") else float(vote.vote == "left")
                points[left, right] += half
                points[right, left] += 1 - half
        return fit(points)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw each model's score with its 95 % interval, best on top.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless given, which is transparent and is read on a light page and on
            a dark one.
        """
        return plot_ranking(self.ranking(), ax)

    # --- keeping -----------------------------------------------------------------------------------------

    @property
    def _origin(self) -> str:
        return self._client.connection.account.origin

    def refresh(self) -> None:
        """Count what others have voted meanwhile, on this archive or in the class of a sandbox."""
        with self._lock:
            before = len(self._votes)
            self._read()
            new = [vote for vote in self._of_the_class() if self._key(vote) not in self._votes]
            if new:
                self._log.add(new)
            for vote in new:
                self._count(vote)
            changed = len(self._votes) != before
        if changed:
            self._tell()

    def _read(self) -> None:
        for vote in self._log.read():
            if vote.origin == self._origin:
                self._count(vote)

    def _of_the_class(self) -> Iterator[Vote]:
        """Take in those votes of a class that are about this arena's predictions."""
        by_id = {made.id: place for place, made in self._made.items()}
        for each in _class_votes(self._client):
            left, right = by_id.get(each["left"]), by_id.get(each["right"])
            if left is None or right is None or left[0] != right[0]:
                continue
            sides = self._made[left], self._made[right]
            at = datetime.fromtimestamp(each["at"], UTC)
            yield self._vote(at, each["voter"], each["vote"], self._tasks[left[0]], *sides)

    def _vote(
        self, at: datetime, who: str, choice: Preference, task: Task, left: Prediction, right: Prediction
    ) -> Vote:
        models = str(left.model), str(right.model)
        return Vote(at, who, choice, *models, left.id, right.id, task.prompt, task.key, self._origin)

    def _key(self, vote: Vote) -> tuple[str, str, frozenset[str]]:
        return vote.voter, vote.task, frozenset((vote.left, vote.right))

    def _count(self, vote: Vote) -> None:
        """Count a vote that is about this arena's models and tasks; a later one on a pair replaces it."""
        if vote.task in self._tasks and {vote.left, vote.right} <= {*self._models}:
            self._votes[self._key(vote)] = vote

    # --- showing -----------------------------------------------------------------------------------------

    @cached_property
    def widget(self) -> ArenaWidget:
        """Two outputs to choose from, as a widget."""
        from ._widgets import ArenaWidget

        return ArenaWidget(self)

    def __repr__(self) -> str:
        return f"<Arena of {len(self._models)} models: {self.verdict}>"


def _class_votes(client: AsyncClient) -> list[dict[str, Any]]:
    """Ask a sandbox's own page for the votes of a class.

    None where there is no class, or this is no teacher.
    """
    if not client.connection.account.sandbox:
        return []
    try:
        found: list[dict[str, Any]] = run(ask_sandbox(client.connection, "votes")).get("votes", [])
        return found
    except AuthenticationError:
        return []  # a learner's key
    except SkytellsError as error:
        warn_user(f"The votes of a class could not be asked for, and those in the archive count: {error}")
        return []


def _mean(values: Iterable[Decimal | float | None]) -> float | None:
    known = [float(value) for value in values if value is not None]
    return sum(known) / len(known) if known else None


# --- what takes part -----------------------------------------------------------------------------------


def parse_tasks(prompts: object, inputs: object) -> list[Task]:
    """Check prompts and inputs, and make a task of every combination of them; a frame has a task in a row."""
    variations = check_variations(inputs)
    if is_frame(prompts):
        rows = [(check_texts("prompts", row.get("prompt"))[0], row) for row in cast("Any", rows_of(prompts))]
    else:
        rows = [(prompt, {}) for prompt in check_texts("prompts", prompts)]
    seen: Counter[str] = Counter()
    tasks = []
    for prompt, row in rows:
        own = {name: value for name, value in row.items() if name != "prompt"}
        for variation in ({**each, **own} for each in variations):
            # By their content: a picture's repr has an address, an output's URL is renewed.
            known = variation if is_ready(variation) else prepare(variation, lasting=True)
            text = json.dumps({**known, "prompt": prompt}, sort_keys=True, default=str)
            seen[text] += 1  # an equal task is another: two takes of one prompt
            digest = hashlib.blake2b(f"{seen[text]} {text}".encode(), digest_size=12).hexdigest()
            tasks.append(Task(prompt, variation, digest))
    return tasks


def _make(
    client: AsyncClient,
    archive: Archive,
    models: Sequence[Model],
    tasks: Sequence[Task],
    budget: Decimal | float | str | None,
) -> dict[tuple[str, str], Prediction]:
    """Check and price everything, say so, and let every model do every task that the archive lacks.

    SkytellsError, the first thing that went wrong, where no two models did the same task.
    """
    if vectors := next((model for model in models if model.text_route == "embeddings"), None):
        raise InvalidInputError(f"{vectors.id} makes vectors, which nobody can look at. Nothing was sent.")
    texts = [model for model in models if model.type in _TEXT_TYPES]
    others = [model for model in models if model.type not in _TEXT_TYPES]
    if texts and others:
        raise InvalidInputError(
            f"{texts[0].id} writes text and {others[0].id} does not, so they cannot be compared. Nothing was "
            "sent."
        )
    places = [(task, model) for task in tasks for model in models]
    price = together(estimate(model, _asked(model, task), client=client) for task, model in places)
    high = "an unknown amount" if price.high is None else format_cost(price.high, price.currency)
    line = (
        f"{format_count(len(places), 'prediction')}: {len(models)} models × "
        f"{format_count(len(tasks), 'task')}, {high} at most; what the archive has is not made again"
    )
    print(encodable(line, sys.stdout), flush=True)  # noqa: T201 - the price comes before the work
    with nullcontext() if budget is None else spending_budget(budget):
        making = (_entry(client, archive, model, task) for task, model in places)
        found = run(gather(*making, limit=_AT_ONCE, return_exceptions=True, label="arena"))
    entries: dict[tuple[str, str], Prediction] = {}
    failures: list[SkytellsError] = []
    for (task, model), made in zip(places, found, strict=True):
        if isinstance(made, SkytellsError):
            failures.append(made)
        elif isinstance(made, BaseException):
            raise made
        elif _is_there(made):
            entries[task.key, model.id] = made
        else:
            failures.append(SkytellsError(f"The output of {made.id} is not in the archive."))
    made_by = Counter(task for task, _ in entries)
    if failures and max(made_by.values(), default=0) < 2:
        raise failures[0]
    if failures:
        warn_user(
            f"{len(failures)} of {format_count(len(places), 'prediction')} cannot take part: "
            f"{failures[0].message}"
        )
    return entries


def _asked(model: Model, task: Task) -> dict[str, Any]:
    input, route = {**task.input, "prompt": task.prompt}, model.text_route
    return input if route is None or route == "embeddings" else as_text_input(route, input)


def _is_there(prediction: Prediction) -> bool:
    """Whether all that was made can be looked at, also when the API has deleted it."""
    made = prediction.files
    return bool(made) and all(path.is_file() for path in made)


async def _entry(client: AsyncClient, archive: Archive, model: Model, task: Task) -> Prediction:
    asked, route = _asked(model, task), model.text_route
    if route is None or route == "embeddings":
        made = await client.predictions.create(model.id, asked, reuse=True)
        # What a slow host kept from the archive is fetched when its prediction is read again.
        return made if _is_there(made) else await client.predictions.get(made)
    kept = await find_reusable(client.connection, model.id, asked, True)
    if kept is not None:
        return kept
    answer = await on_loop(ask_for_prediction(client.connection, route, model.id, asked))
    # As the archive kept it: with the file that is looked at.
    found = await asyncio.to_thread(archive.by_ids, [answer.id], client.connection.account)
    return found.get(answer.id, answer)
