"""What was made of an equal input is taken from the archive, and not paid for again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import skytells_nb as sky
from skytells_nb.archive import Archive, prepare
from skytells_nb.exceptions import InvalidInputError

FOX = {"prompt": "a red fox in snow", "seed": 7, "width": 64, "height": 64}
SMALL = {"width": 64, "height": 64}
SMALL_FOX = {"prompt": "a fox", **SMALL}
EDGE = "truefusion-edge"


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
    made = client.predictions.create(EDGE, FOX)
    again = client.predictions.create(EDGE, {**FOX, "seed": 7.0}, reuse=True)
    assert (again.id, again.files, again.reused) == (made.id, made.files, True)
    assert not made.reused
    assert not client.predictions.create(EDGE, FOX).reused, "the default is to create"
    assert not client.predictions.create(EDGE, {**FOX, "seed": 8}, reuse=True).reused
    assert creates(client) == 3


def test_the_option_reuses_everywhere_and_an_argument_overrides_it(client: sky.Client) -> None:
    with sky.options(reuse=True):
        first = client.predictions.create(EDGE, FOX)
        assert client.predictions.create(EDGE, FOX).id == first.id
        assert client.predictions.create(EDGE, FOX, reuse=False).id != first.id
    assert creates(client) == 2


def test_a_default_that_is_spelt_out_is_the_same_input(client: sky.Client) -> None:
    assert (client.models.get(EDGE).input_schema or {})["properties"]["num_outputs"]["default"] == 1
    client.predictions.create(EDGE, {**FOX, "num_outputs": 1})
    assert client.predictions.create(EDGE, FOX, reuse=True).reused


def test_a_default_counts_although_the_schema_came_after_the_create(client: sky.Client) -> None:
    client.predictions.create(EDGE, {**FOX, "num_outputs": 1})
    assert client.predictions.create(EDGE, FOX, reuse=True).reused


def test_a_model_is_known_by_whatever_people_call_it(client: sky.Client) -> None:
    made = client.predictions.create(EDGE, FOX)
    assert client.predictions.create("TrueFusion Edge", FOX, reuse=True).id == made.id


def test_a_picture_is_compared_by_its_content(client: sky.Client, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.new("RGB", (64, 64), "teal").save(tmp_path / name)
    made = client.predictions.create("sandbox-upscaler", {"image": tmp_path / "a.png"})
    again = client.predictions.create("sandbox-upscaler", {"image": tmp_path / "b.png"}, reuse=True)
    assert again.id == made.id


def test_an_output_is_its_file_by_whatever_it_is_named(client: sky.Client) -> None:
    fox = client.predictions.create(EDGE, FOX)
    made = client.predictions.create("sandbox-upscaler", {"image": fox})
    assert made.input is not None
    assert made.input["image"] == fox.url
    for named in (fox, fox.files[0], str(fox.files[0]), fox.files[0].read_bytes(), fox.url, fox.image):
        again = client.predictions.create("sandbox-upscaler", {"image": named}, reuse=True)
        assert again.id == made.id, named


def test_a_picture_is_its_file_until_either_is_changed(tmp_path: Path) -> None:
    def sent(picture: Image.Image | Path) -> Any:
        return prepare({"image": picture})["image"]

    noise = Image.effect_noise((48, 40), 50).convert("RGB")
    for path in (tmp_path / "a.png", tmp_path / "a.jpg", tmp_path / "a.webp"):
        noise.save(path)
        with Image.open(path) as loaded:
            assert sent(Image.open(path)) == sent(path)
            loaded.load()
        assert sent(loaded) == sent(path), "loaded, and closed"
        loaded.putpixel((1, 1), (1, 2, 3))
        assert sent(loaded) != sent(path)
        before = Image.open(path)
        before.load()
        noise.rotate(180).save(path)
        assert sent(before) != sent(path), "the file is another now"
        path.unlink()
        assert sent(before).startswith("data:image/png")
    sideways = Image.Exif()
    sideways[0x0112] = 6
    noise.save(tmp_path / "a.jpg", exif=sideways)
    assert sent(Image.open(tmp_path / "a.jpg")) == sent(tmp_path / "a.jpg"), "both are turned"


def test_equal_creates_together_take_different_ones_and_create_the_rest(
    sandbox: sky.Sandbox, archive: Archive
) -> None:
    async def variations(count: int) -> list[sky.Prediction]:
        async with sandbox.async_client(archive=archive) as client:
            wanted = [client.predictions.create(EDGE, FOX, reuse=True) for _ in range(count)]
            return list(await sky.gather(*wanted, progress=False))

    first = asyncio.run(variations(2))
    assert [p.reused for p in first] == [False, False]
    second = asyncio.run(variations(3))
    assert sorted(p.reused for p in second) == [False, True, True]
    assert {p.id for p in first} < {p.id for p in second}


def test_what_a_call_has_made_itself_is_not_reused_by_it(sandbox: sky.Sandbox, archive: Archive) -> None:
    async def one_by_one() -> list[sky.Prediction]:
        async with sandbox.async_client(archive=archive) as client:
            wanted = (client.predictions.create(EDGE, FOX) for _ in range(2))
            return list(await sky.gather(wanted, limit=1, progress=False, reuse=True))

    first, again = asyncio.run(one_by_one()), asyncio.run(one_by_one())
    assert [p.reused for p in first] == [False, False]
    assert [p.id for p in again] == [p.id for p in first], "the oldest first"


def test_a_comparison_says_what_is_new_and_pays_for_that_alone(
    client: sky.Client, sandbox: sky.Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    models = [EDGE, "flux-1-edge"]
    sky.compare(EDGE, ["a fox"], inputs=SMALL, client=client)
    grid = sky.compare(models, ["a fox", "an owl"], inputs=SMALL, client=client, reuse=True)
    said = "4 predictions: 2 prompts × 2 columns, 1 from the archive, 0.03 credits in all"
    assert capsys.readouterr().out.splitlines()[1] == said
    assert grid[0, 0].prediction.reused
    assert (grid.cost, sandbox.billed) == (Decimal("0.03"), 4)
    assert "0.01 credits · from the archive" in grid.html
    again = sky.compare(models, ["a fox", "an owl"], inputs=SMALL, client=client, reuse=True)
    assert capsys.readouterr().out.rstrip().endswith("2 columns, all from the archive, at no cost")
    assert (again.cost, sandbox.billed) == (Decimal(0), 4)


def test_a_batch_takes_what_others_made_and_each_only_once(client: sky.Client, sandbox: sky.Sandbox) -> None:
    made = client.predictions.create(EDGE, SMALL_FOX)
    foxes = sky.batch(EDGE, [SMALL_FOX] * 2, name="foxes", client=client, reuse=True)
    assert (foxes[0].id, foxes[0].reused, foxes[1].reused) == (made.id, True, False)
    more = sky.batch(EDGE, [SMALL_FOX] * 3, name="foxes", client=client, reuse=True)
    assert [p.id for p in more[:2]] == [p.id for p in foxes]
    assert not more[2].reused
    assert sandbox.billed == 3
    assert sky.batches(client.archive)[0].cost == Decimal("0.02"), "it has paid for two"
    with sky.options(reuse=True), sky.budget(0):
        assert all(p.reused for p in sky.batch(EDGE, [SMALL_FOX] * 3, name="others", client=client))


def test_each_press_of_a_form_takes_another(client: sky.Client, sandbox: sky.Sandbox) -> None:
    made = {client.predictions.create(EDGE, SMALL_FOX).id for _ in range(2)}
    form = sky.PromptForm(EDGE, client=client, reuse=True, budget=0.01)
    form.value = SMALL_FOX
    shown = []
    for _ in range(3):
        form.submit()
        shown.append(form.wait())
    assert [p is not None and p.reused for p in shown] == [True, True, False]
    assert {p.id for p in shown[:2] if p is not None} == made
    assert sandbox.billed == 3


def test_what_is_shown_says_where_it_came_from(client: sky.Client) -> None:
    client.predictions.create(EDGE, FOX)
    kept = client.predictions.create(EDGE, FOX, reuse=True)
    bundle = kept._repr_mimebundle_()
    assert all("from the archive" in bundle[kind] for kind in ("text/html", "text/plain"))
    assert sky.spend(client.archive, by=[])["cost"].tolist() == [0.01], "spend counts it once"


def test_a_prediction_is_made_again_with_changes(client: sky.Client, tmp_path: Path) -> None:
    made = client.predictions.create(EDGE, {**FOX, "num_outputs": 2})
    assert made.again(seed=8, num_outputs=None).input == {**FOX, "seed": 8}
    assert made.again(reuse=True).id == made.id
    copy = made.save(tmp_path / "picture.png")[0]
    assert sky.again(copy, seed=9).input == {**FOX, "seed": 9, "num_outputs": 2}


def test_a_file_that_was_an_input_comes_from_the_archive(
    client: sky.Client, sandbox: sky.Sandbox, tmp_path: Path
) -> None:
    Image.effect_noise((99, 99), 50).save(tmp_path / "a.png")
    made = client.predictions.create("sandbox-upscaler", {"image": tmp_path / "a.png"})
    again = sky.again(made.files[0], sharpness=0.5)
    assert again.input == {**(made.input or {}), "sharpness": 0.5}
    with sandbox.client() as elsewhere:
        (copy,) = made.save(tmp_path / "copy.png")
        assert isinstance(client.archive, Archive)
        client.archive.remove(made)
        with pytest.raises(
            InvalidInputError, match=r"a file that is not kept\. Pass it: again\(…, image=…\)"
        ):
            sky.again(copy, client=elsewhere)


def test_what_does_not_say_how_it_was_made_cannot_be_made_again(tmp_path: Path) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "mine.png")
    with pytest.raises(InvalidInputError, match="does not say how it was made"):
        sky.again(tmp_path / "mine.png")
    with pytest.raises(InvalidInputError, match="cannot be read"):
        sky.again(tmp_path / "none.png")
    with pytest.raises(InvalidInputError, match="Nothing says what prediction p1 was made with"):
        sky.again(sky.Prediction(id="p1", status="succeeded"))
    with pytest.raises(InvalidInputError, match="takes a prediction, or the path of a file, not a int"):
        sky.again(3)  # type: ignore[arg-type]


def test_what_is_reused_passes_a_budget_and_is_spent_once(client: sky.Client, archive: Archive) -> None:
    made = client.predictions.create(EDGE, FOX)
    with sky.budget(0) as budget:
        assert client.predictions.create(EDGE, FOX, reuse=True).id == made.id
    assert budget.spent == Decimal(0)
    assert len(archive) == 1


def test_without_its_files_it_is_made_again(client: sky.Client) -> None:
    client.predictions.create(EDGE, FOX).files[0].unlink()
    made = client.predictions.create(EDGE, FOX, reuse=True)
    assert not made.reused
    made.files[0].write_bytes(b"")
    assert not client.predictions.create(EDGE, FOX, reuse=True).reused


def test_without_an_archive_it_is_said(sandbox: sky.Sandbox) -> None:
    with sandbox.client() as client:
        with pytest.raises(InvalidInputError, match="reuse=True needs an archive"):
            client.predictions.create(EDGE, FOX, reuse=True)
        with sky.options(reuse=True):
            assert not client.predictions.create(EDGE, FOX).reused
