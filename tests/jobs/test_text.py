"""A batch that asks a chat model: prompts in, answers out, each paid for once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import skytells_nb as sky
from skytells_nb.exceptions import InvalidInputError

PROMPTS = ["Why is the sea blue?", "And the sky?"]


@pytest.fixture
def sandbox() -> Iterator[sky.Sandbox]:
    with sky.Sandbox(seconds=0) as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox: sky.Sandbox, tmp_path: Path) -> Iterator[sky.Client]:
    with sandbox.client(archive=tmp_path) as client:
        yield client


def asked(sandbox: sky.Sandbox) -> int:
    return sum(request.method == "POST" for request in sandbox.log)


@pytest.mark.parametrize("model", ["gpt-5", "gpt-5.3-codex"])
def test_each_is_asked_once_and_a_second_run_asks_nothing(sandbox, client, model):
    made = sky.batch(model, PROMPTS, client=client, name="words")
    assert [each.prompt for each in made] == PROMPTS
    assert all(PROMPTS[n] in each.output[0] for n, each in enumerate(made))
    assert all(each.cost > 0 for each in made)
    again = sky.batch(model, PROMPTS, client=client, name="words")
    assert [each.id for each in again] == [each.id for each in made]
    assert asked(sandbox) == 2


def test_a_frame_has_prompt_system_and_parameters(client):
    frame = pd.DataFrame({"prompt": PROMPTS, "system": "Be brief.", "max_tokens": [50, 60]})
    made = sky.batch("gpt-5", frame, client=client)
    assert made[1].input == {
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": PROMPTS[1]}],
        "max_tokens": 60,
    }
    assert sorted(client.archive.to_pandas()["tokens_out"]) == [50, 60]


def test_the_responses_route_is_asked_in_its_own_words(client):
    frame = pd.DataFrame({"prompt": PROMPTS[:1], "system": "Be brief.", "max_tokens": 50})
    made = sky.batch("gpt-5.3-codex", frame, client=client)
    said = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": PROMPTS[0]}]
    assert made[0].input == {"input": said, "max_output_tokens": 50}
    grid = sky.compare(["gpt-5", "gpt-5.3-codex"], PROMPTS[:1], client=client)
    assert list(grid.to_pandas()["status"]) == ["succeeded", "succeeded"]
    arena = sky.Arena(["gpt-5", "gpt-5.3-codex"], PROMPTS[:1], client=client)
    assert {each.prompt for each in arena.pair} == {PROMPTS[0]}
    assert arena.pair[0].output != arena.pair[1].output, "there is something to choose"


@pytest.mark.parametrize(("model", "route"), [("gpt-5", "chat"), ("gpt-5.3-codex", "responses")])
@pytest.mark.filterwarnings("ignore::skytells_nb.exceptions.SkytellsWarning")
def test_one_that_was_sent_and_not_answered_is_in_doubt_and_not_sent_again(sandbox, client, model, route):
    sandbox.faults.next("drop_after", on=route)
    made = sky.batch(model, PROMPTS[:1], client=client, name="words")
    assert made[0].status == "failed"
    assert "uncertain" in made[0].id
    sent = asked(sandbox)
    assert sky.batch(model, PROMPTS[:1], client=client, name="words")[0].status == "failed"
    assert asked(sandbox) == sent, "not by itself"
    made = sky.batch(model, PROMPTS[:1], client=client, name="words", retry_uncertain=True)
    assert made[0].status == "succeeded"
    assert asked(sandbox) == sent + 1


def test_a_budget_is_a_wall_for_words_too(sandbox, client):
    with pytest.warns(sky.exceptions.SkytellsWarning, match="budget"):
        made = sky.batch("gpt-5", [{"prompt": "a", "max_tokens": 9000}] * 3, budget="0.0001", client=client)
    assert {each.status for each in made} == {"not_sent"}
    assert asked(sandbox) == 0


def test_a_model_for_embeddings_says_what_to_use(sandbox, client):
    for ask in (sky.batch, lambda model, prompts, **kept: sky.compare([model], prompts, **kept)):
        with pytest.raises(InvalidInputError, match=r"client\.embeddings\.create"):
            ask("text-embedding-3-small", PROMPTS, client=client)
    assert asked(sandbox) == 0


def test_what_cannot_be_asked_is_refused_before_anything_is(sandbox, client):
    wrong = [{"prompt": " "}, {"prompt": "a", "max_tokens": 0}, {"prompt": 5}, {"system": "Be brief."}]
    for model in ("gpt-5", "gpt-5.3-codex"):
        with pytest.raises(InvalidInputError, match="4 of 5 inputs cannot be used"):
            sky.batch(model, ["a", *wrong], client=client)
        with pytest.raises(InvalidInputError, match="must be a whole number of 1 or more"):
            sky.compare(["truefusion", model], "a", inputs=[{}, {"max_tokens": 0}], client=client)
    assert asked(sandbox) == 0


def test_pictures_and_words_stand_side_by_side(client, capsys):
    grid = sky.compare(["gpt-5", "truefusion-edge"], ["a fox in snow"], client=client)
    assert capsys.readouterr().out.startswith("2 predictions: 1 prompt × 2 columns, 0.01 to ")
    html = grid._repr_mimebundle_()["text/html"]
    assert "a fox in snow" in html
    assert "You asked" in html
    assert list(grid.to_pandas()["status"]) == ["succeeded", "succeeded"]


def test_the_model_is_read_once_a_run_and_not_once_an_item(sandbox, client):
    sky.batch("gpt-5", [f"{n}?" for n in range(8)], client=client, limit=1)
    assert sum(request.route == "model" for request in sandbox.log) <= 3
