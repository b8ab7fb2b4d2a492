"""What takes part in an arena: for every task what each model makes of it, taken from the archive or made."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, cast

from ..aio import gather, on_loop, run
from ..api import AsyncClient, as_text_input, ask_for_prediction, find_reusable, is_ready
from ..archive import Archive, prepare
from ..checks import check_texts, check_variations
from ..exceptions import InvalidInputError, SkytellsError, warn_user
from ..formatting import format_cost, format_count
from ..models import Model, Prediction, slugs_of
from ..plaintext import encodable
from ..pricing import together
from ..schema import is_frame, rows_of
from ..spending import budget as spending_budget
from ..spending import estimate

_TEXT_TYPES: Final = ("text", "code", "multimodal")
_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Task:
    """One prompt, with what else every model is given, and a digest of both to know its votes again by."""

    prompt: str
    input: dict[str, Any]
    key: str


@dataclass(slots=True)
class Entries:
    """What there is to choose from: by task's key and model, what was made and can be looked at."""

    tasks: list[Task]
    models: list[str]
    made: dict[tuple[str, str], Prediction] = field(default_factory=dict)

    def of(self, model: str) -> list[Prediction]:
        found = (self.made.get((task.key, model)) for task in self.tasks)
        return [prediction for prediction in found if prediction is not None]


def parse_models(models: object) -> list[str]:
    """Check the models: two or more names."""
    names = check_texts("models", slugs_of(models))
    if len(names) < 2:
        raise InvalidInputError(
            f"An arena compares two models or more, and {names[0]!r} is alone. Nothing was sent."
        )
    return names


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


def make_entries(
    client: AsyncClient,
    archive: Archive,
    names: Sequence[str],
    tasks: Sequence[Task],
    budget: Decimal | float | str | None,
) -> Entries:
    """Check and price everything, say so, and let every model do every task that the archive lacks.

    SkytellsError, the first thing that went wrong, where no two models did the same task.
    """
    models = run(gather(*(client.models.get(name) for name in names), progress=False))
    if vectors := next((model for model in models if model.text_route == "embeddings"), None):
        raise InvalidInputError(f"{vectors.id} makes vectors, which nobody can look at. Nothing was sent.")
    texts = [model for model in models if _is_text(model)]
    if texts and len(texts) < len(models):
        other = next(model for model in models if not _is_text(model))
        raise InvalidInputError(
            f"{texts[0].id} writes text and {other.id} does not, so they cannot be compared. Nothing was "
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
    entries = Entries(list(tasks), [model.id for model in models])
    failures: list[SkytellsError] = []
    for (task, model), made in zip(places, found, strict=True):
        if isinstance(made, SkytellsError):
            failures.append(made)
        elif isinstance(made, BaseException):
            raise made
        elif _is_there(made):
            entries.made[task.key, model.id] = made
        else:
            failures.append(SkytellsError(f"The output of {made.id} is not in the archive."))
    made_by = Counter(task for task, _ in entries.made)
    if failures and max(made_by.values(), default=0) < 2:
        raise failures[0]
    if failures:
        warn_user(
            f"{len(failures)} of {format_count(len(places), 'prediction')} cannot take part: "
            f"{failures[0].message}"
        )
    return entries


def _is_text(model: Model) -> bool:
    return model.type in _TEXT_TYPES


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
    found = await asyncio.to_thread(archive.by_ids, [answer.id], client.connection.account)
    return found.get(answer.id, answer)
