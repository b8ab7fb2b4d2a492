"""Predictions, files and pictures as inputs of the next create."""

import asyncio

import pytest
from PIL import Image

import skytells_nb as sky
from skytells_nb import exceptions


@pytest.fixture
def sandbox():
    with sky.Sandbox(seconds=0.05) as running:
        yield running


def model_with_a_picture(client):
    """A model of the catalogue that takes a picture, and the name of that input."""
    for model in client.models.list():
        known = client.models.get(model.id).input_schema or {}
        for name, field in known.get("properties", {}).items():
            if field.get("format") == "uri" and set(known.get("required", ())) <= {"prompt", name}:
                return model.id, name
    raise AssertionError("no model of the sandbox takes a picture")


@pytest.mark.parametrize("kind", ["prediction", "path", "picture"])
def test_one_output_is_the_next_input(sandbox, tmp_path, kind):
    with sandbox.client(archive=tmp_path / "kept") as client:
        fox = client.predictions.create("truefusion", {"prompt": "a red fox"})
        given = {"prediction": fox, "path": fox.files[0], "picture": Image.new("RGB", (8, 8), "red")}[kind]
        slug, name = model_with_a_picture(client)
        made = client.predictions.create(slug, {"prompt": "the same, older", name: given})
    assert made.status == "succeeded"
    assert made.input[name].startswith(("http://127.0.0.1", "data:image/png;base64,"))


def test_the_asyncio_client_takes_them_too(sandbox, tmp_path):
    async def chain():
        async with sandbox.async_client(archive=tmp_path / "kept") as client:
            fox = await client.predictions.create("truefusion", {"prompt": "a red fox"})
            slug, name = model_with_a_picture(client.as_sync())
            return await client.predictions.create(slug, {"prompt": "older", name: fox})

    assert asyncio.run(chain()).status == "succeeded"


def test_a_file_that_is_not_there_is_told_before_anything_is_created(sandbox, tmp_path):
    with sandbox.client() as client, pytest.raises(exceptions.InvalidInputError, match="cannot be an input"):
        client.predictions.create("truefusion", {"prompt": "x", "image": tmp_path / "nothing.png"})
    assert sandbox.billed == 0


def test_what_no_model_can_take_is_still_refused(sandbox):
    with sandbox.client() as client, pytest.raises(exceptions.InvalidInputError, match="JSON"):
        client.predictions.create("truefusion", {"prompt": object()})
    assert sandbox.billed == 0


def test_plain_inputs_cost_no_further_request(sandbox):
    with sandbox.client() as client:
        client.predictions.create("truefusion", {"prompt": "a fox", "aspect_ratio": "16:9"}, wait=False)
    assert [entry.route for entry in sandbox.log] == ["create"]
