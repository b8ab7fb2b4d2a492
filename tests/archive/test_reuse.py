"""What was made of an equal input is taken from the archive, and not paid for again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from PIL import Image

import skytells_nb as sky
from skytells_nb.archive import Archive
from skytells_nb.exceptions import InvalidInputError

FOX = {"prompt": "a red fox in snow", "seed": 7}


@pytest.fixture
def sandbox() -> Iterator[sky.Sandbox]:
    with sky.Sandbox(seconds=0.05) as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox: sky.Sandbox, archive: Archive) -> Iterator[sky.Client]:
    with sandbox.client(archive=archive) as client:
        yield client


def creates(client: sky.Client) -> int:
    return len(client.predictions.list(limit=None))


def test_an_equal_input_is_paid_for_once(client: sky.Client) -> None:
    made = client.predictions.create("truefusion", FOX)
    again = client.predictions.create("truefusion", {"seed": 7.0, "prompt": FOX["prompt"]}, reuse=True)
    assert (again.id, again.files, again.reused) == (made.id, made.files, True)
    assert not made.reused
    assert not client.predictions.create("truefusion", FOX).reused, "the default is to create"
    assert not client.predictions.create("truefusion", {**FOX, "seed": 8}, reuse=True).reused
    assert creates(client) == 3


def test_the_option_reuses_everywhere_and_an_argument_overrides_it(client: sky.Client) -> None:
    with sky.options(reuse=True):
        first = client.predictions.create("truefusion", FOX)
        assert client.predictions.create("truefusion", FOX).id == first.id
        assert client.predictions.create("truefusion", FOX, reuse=False).id != first.id
    assert creates(client) == 2


def test_a_default_that_is_spelt_out_is_the_same_input(client: sky.Client) -> None:
    rules = client.models.get("truefusion").input_schema or {}
    name, default = next(
        (name, rule["default"]) for name, rule in rules["properties"].items() if "default" in rule
    )
    client.predictions.create("truefusion", {**FOX, name: default})
    assert client.predictions.create("truefusion", FOX, reuse=True).reused


def test_a_picture_is_compared_by_its_content(client: sky.Client, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.new("RGB", (64, 64), "teal").save(tmp_path / name)
    made = client.predictions.create("sandbox-upscaler", {"image": tmp_path / "a.png"})
    again = client.predictions.create("sandbox-upscaler", {"image": tmp_path / "b.png"}, reuse=True)
    assert again.id == made.id


def test_equal_creates_together_take_different_ones_and_create_the_rest(
    sandbox: sky.Sandbox, archive: Archive
) -> None:
    async def variations(count: int) -> list[sky.Prediction]:
        async with sandbox.async_client(archive=archive) as client:
            wanted = [client.predictions.create("truefusion", FOX, reuse=True) for _ in range(count)]
            return list(await sky.gather(*wanted, progress=False))

    first = asyncio.run(variations(2))
    assert [p.reused for p in first] == [False, False]
    second = asyncio.run(variations(3))
    assert sorted(p.reused for p in second) == [False, True, True]
    assert {p.id for p in first} < {p.id for p in second}


def test_what_is_reused_passes_a_budget_and_is_spent_once(client: sky.Client, archive: Archive) -> None:
    made = client.predictions.create("truefusion", FOX)
    with sky.budget(0) as budget:
        assert client.predictions.create("truefusion", FOX, reuse=True).id == made.id
    assert budget.spent == Decimal(0)
    assert len(archive) == 1


def test_without_its_files_it_is_made_again(client: sky.Client) -> None:
    client.predictions.create("truefusion", FOX).files[0].unlink()
    assert not client.predictions.create("truefusion", FOX, reuse=True).reused


def test_without_an_archive_it_is_said(sandbox: sky.Sandbox) -> None:
    with sandbox.client() as client:
        with pytest.raises(InvalidInputError, match="reuse=True needs an archive"):
            client.predictions.create("truefusion", FOX, reuse=True)
        with sky.options(reuse=True):
            assert not client.predictions.create("truefusion", FOX).reused
