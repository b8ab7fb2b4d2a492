"""Which model or input was meant is said before anything is sent, or by what the API refuses."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import skytells_nb as sky
from skytells_nb import options
from skytells_nb._connect import Sandbox
from skytells_nb.api import Client
from skytells_nb.exceptions import InvalidInputError, NotFoundError, SkytellsWarning

FOX = {"prompt": "a fox"}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seconds=0) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    with sandbox.client(archive=False) as made:
        yield made


def routes(sandbox: Sandbox) -> list[str]:
    return [entry.route for entry in sandbox.log]


def test_a_misspelt_model_is_named_and_nothing_is_billed(sandbox: Sandbox, client: Client):
    for call in (
        lambda: client.predictions.create("truefusion-prro", FOX),
        lambda: client.models.get("truefusion-prro"),
    ):
        with pytest.raises(
            NotFoundError, match=r"no model 'truefusion-prro'. Did you mean 'truefusion-pro'\?"
        ):
            call()
    assert sandbox.billed == 0


@pytest.mark.parametrize("name", ["TrueFusion Edge", "skytells/truefusion-edge", "truefusion edge"])
def test_a_display_name_and_a_vendor_mean_the_model(sandbox: Sandbox, client: Client, name: str):
    assert client.predictions.create(name, FOX).status == "succeeded"
    assert client.models.get(name).id == "truefusion-edge"
    assert sandbox.billed == 1


def test_a_model_that_was_read_stands_for_its_slug_and_is_meant_in_lists(sandbox: Sandbox, client: Client):
    edge = client.models.get("truefusion-edge")
    made = client.predictions.create(edge, FOX)
    assert client.models.get(edge).id == edge.id
    assert len(sky.compare([edge], "a fox", client=client).cells) == 1
    for model in (edge, "TrueFusion Edge"):
        assert {each.model for each in client.predictions.list(model=model)} == {edge.id}
    with pytest.raises(InvalidInputError, match=r"^The API refused this .* nothing was changed\.$"):
        client.predictions.cancel(made)


def test_one_that_is_like_none_is_the_apis_own_error(client: Client):
    with pytest.raises(NotFoundError) as caught:
        client.predictions.create("zzzzz", FOX)
    assert "Did you mean" not in str(caught.value)


def test_a_misspelt_input_is_warned_of_once_its_schema_is_known(sandbox: Sandbox, client: Client):
    client.models.get("truefusion-edge")
    with pytest.warns(SkytellsWarning, match=r"no input 'sead'. Did you mean 'seed'\? It is sent as it is"):
        client.predictions.create("truefusion-edge", {**FOX, "sead": 7}, wait=False)
    assert routes(sandbox) == ["model", "create"]


def test_and_read_beside_the_first_create_where_it_is_not(sandbox: Sandbox, client: Client):
    with pytest.warns(SkytellsWarning, match="Did you mean 'seed'"):
        client.predictions.create("truefusion-edge", {**FOX, "sead": 7})
    assert routes(sandbox)[0] == "create"
    assert routes(sandbox).count("model") == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client.predictions.create("truefusion-edge", {**FOX, "seed": 7})
    assert routes(sandbox).count("model") == 1


def test_nothing_is_read_for_a_prompt_or_without_a_wait(sandbox: Sandbox, client: Client):
    client.predictions.create("truefusion-edge", FOX)
    client.predictions.create("truefusion-edge", {**FOX, "seed": 7}, wait=False)
    assert "model" not in routes(sandbox)


def test_the_option_refuses_or_sends(sandbox: Sandbox, client: Client):
    client.models.get("truefusion-edge")
    with options(unknown_inputs="refuse"), pytest.raises(InvalidInputError, match="Did you mean 'seed'"):
        client.predictions.create("truefusion-edge", {**FOX, "sead": 7})
    assert sandbox.billed == 0
    with options(unknown_inputs="send"), warnings.catch_warnings():
        warnings.simplefilter("error")
        client.predictions.create("truefusion-edge", {**FOX, "sead": 7})


def test_a_refusal_names_the_misspelt_input(sandbox: Sandbox, client: Client):
    with pytest.raises(InvalidInputError, match=r"no input 'promt'. Did you mean 'prompt'\?") as caught:
        client.predictions.create("truefusion-edge", {"promt": "a fox"}, wait=False)
    assert caught.value.charged is False
    assert sandbox.billed == 0


def test_numbers_of_numpy_are_sent_as_numbers_and_nothing_is_read_for_them(sandbox: Sandbox, client: Client):
    made = client.predictions.create("truefusion-edge", {**FOX, "seed": np.int64(7)}, wait=False)
    assert made.input["seed"] == 7
    assert routes(sandbox) == ["create"]


def test_a_sandbox_lists_its_prices_in_credits(client: Client):
    prices: list[Any] = [client.models.get("truefusion").pricing, client.models.list()["truefusion"].pricing]
    assert [price.currency for price in prices] == ["credits", "credits"]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda c: c.predictions.create("truefusion", prompt="a fox"),
            "create() takes no 'prompt'. Write client.predictions.create('truefusion', {'prompt': 'a fox'}).",
        ),
        (
            lambda c: c.predictions.create("truefusion", FOX, width=512),
            "create() takes no 'width'. Write client.predictions.create('truefusion', "
            "{'prompt': 'a fox', 'width': 512}).",
        ),
        (
            lambda c: sky.run(c.as_async().predictions.create("truefusion", params=FOX)),
            "create() takes no 'params'. Write client.predictions.create('truefusion', {'prompt': 'a fox'}).",
        ),
        (
            lambda c: c.predictions.create("truefusion"),
            "create() needs input. Write client.predictions.create('truefusion', "
            "{'prompt': 'a red fox in snow'}).",
        ),
        (
            lambda c: c.predictions.create(FOX),
            "create() needs model. Write client.predictions.create('truefusion-pro', {'prompt': 'a fox'}).",
        ),
        (
            lambda c: c.predictions.create("truefusion", FOX, timout=5),
            "create() takes no 'timout'. Did you mean 'timeout'?",
        ),
        (
            lambda c: c.predictions.create("truefusion", FOX, True),
            "create() takes model, input in this order; everything else is named, such as wait=….",
        ),
        (
            lambda c: sky.estimate("veo-3.1-fast", duration_seconds=8, client=c),
            "estimate() takes no 'duration_seconds'. Write sky.estimate('veo-3.1-fast', "
            "{'duration_seconds': 8}).",
        ),
        (
            lambda c: sky.batch("truefusion", prompt=["a", "b"], client=c),
            "batch() takes no 'prompt'. Write sky.batch('truefusion', [{'prompt': 'a'}, {'prompt': 'b'}]).",
        ),
        (
            lambda c: sky.batch("truefusion", prompts=["a", "b"], client=c),
            "batch() takes no 'prompts'. Write sky.batch('truefusion', ['a', 'b']).",
        ),
        (
            lambda c: sky.run(sky.abatch("truefusion", prompt="a fox", client=c)),
            "abatch() takes no 'prompt'. Write await sky.abatch('truefusion', [{'prompt': 'a fox'}]).",
        ),
        (
            lambda c: sky.compare("truefusion", prompt="a fox", client=c),
            "compare() takes no 'prompt'. Did you mean 'prompts'?",
        ),
        (
            lambda c: sky.compare("truefusion", "a fox", width=512, client=c),
            "compare() takes no 'width'. Write sky.compare('truefusion', 'a fox', inputs={'width': 512}).",
        ),
        (
            lambda c: sky.PromptForm("truefusion", prompt="a fox", client=c),
            "PromptForm() takes no 'prompt'. Write form = sky.PromptForm('truefusion'), "
            "then form.value = {'prompt': 'a fox'}.",
        ),
        (
            lambda _: sky.PromptForm(),  # type: ignore[call-arg]  # the mistake
            "PromptForm() needs model. Write form = sky.PromptForm('truefusion-pro'), "
            "then form.value = {'prompt': 'a red fox in snow'}.",
        ),
        (
            lambda _: sky.estimate(),  # type: ignore[call-arg]  # the mistake
            "estimate() needs model. Write sky.estimate('truefusion-pro').",
        ),
    ],
)
def test_a_call_that_does_not_fit_says_how_it_is_meant(
    sandbox: Sandbox, client: Client, call: Any, said: str
):
    with pytest.raises(InvalidInputError) as caught:
        call(client)
    assert (str(caught.value), caught.value.charged) == (said, False)
    assert routes(sandbox) == []
