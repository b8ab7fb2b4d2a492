"""A comparison on a real sandbox: priced first, drawn after, whole although a cell fails."""

import re
from decimal import Decimal

import pytest

import skytells_nb as sky
from skytells_nb import exceptions
from skytells_nb.comparison._grid import Cell, Comparison

PROMPTS = ["a red fox in snow", "a lighthouse at dusk"]
MODELS = ["truefusion", "truefusion-edge"]


@pytest.fixture
def sandbox():
    with sky.Sandbox(transport="inprocess", seconds=0.05, seed=3) as running:
        yield running


@pytest.fixture
def client(sandbox, tmp_path):
    with sandbox.client(archive=tmp_path / "kept") as connected:
        yield connected


@pytest.fixture
def make_cell():
    def make(**facts):
        return Cell("a fox", "truefusion", sky.Prediction(id="p1", model="truefusion", **facts))

    return make


def creates(sandbox):
    return [entry for entry in sandbox.log if entry.method == "POST" and entry.route == "create"]


def test_count_and_price_are_told_before_anything_is_created(sandbox, client, capsys):
    sky.compare(models=MODELS, prompts=PROMPTS, client=client)
    assert capsys.readouterr().out == "4 predictions: 2 prompts × 2 columns, 0.08 credits in all\n"
    assert sandbox.billed_amount == Decimal("0.08")


def test_every_cell_has_its_row_its_column_its_time_and_its_cost(client):
    grid = sky.compare(models=MODELS, prompts=PROMPTS, client=client)
    assert (grid.prompts, grid.columns) == (tuple(PROMPTS), tuple(MODELS))
    assert [(cell.prompt, cell.column) for cell in grid.cells] == [(p, m) for p in PROMPTS for m in MODELS]
    assert grid[1, 0].prediction.prompt == PROMPTS[1]
    assert grid[-1, -1].prediction.model == MODELS[1]
    assert all(cell.seconds is not None and cell.cost for cell in grid.cells)
    assert grid.cost == Decimal("0.08")


def test_variations_become_columns_named_by_what_sets_them_apart(client):
    grid = sky.compare(
        models="truefusion-pro",
        prompts="a fox",
        inputs=[{"seed": 1, "width": 256, "height": 256}, {"seed": 2, "width": 256, "height": 256}],
        client=client,
    )
    assert grid.columns == ("truefusion-pro · seed=1", "truefusion-pro · seed=2")
    assert [cell.prediction.input["seed"] for cell in grid.cells] == [1, 2]


def test_an_input_that_a_model_does_not_take_stops_everything_before_it_is_sent(sandbox, client):
    with pytest.raises(exceptions.InvalidInputError, match=r"aspect_ratio: One of .*, not 7:3\.") as caught:
        sky.compare(models=MODELS, prompts=PROMPTS, inputs={"aspect_ratio": "7:3"}, client=client)
    assert "Nothing was sent" in str(caught.value)
    assert not creates(sandbox)


@pytest.mark.parametrize(
    ("name", "meant"), [("no-such-model", "does not"), ("truefusion-prro", "'truefusion-pro'")]
)
def test_an_unknown_model_stops_everything_and_says_what_was_meant(sandbox, client, name, meant):
    with pytest.raises(exceptions.NotFoundError, match=meant):
        sky.compare(["truefusion", name], "a fox", client=client)
    assert not creates(sandbox)


def test_a_display_name_is_taken_for_its_model(client):
    assert sky.compare("TrueFusion Edge", "a fox", client=client).columns == ("truefusion-edge",)


def test_a_misspelt_input_is_refused_before_anything_is_sent(sandbox, client):
    with pytest.raises(exceptions.InvalidInputError, match=r"number_of_imags.*number_of_images"):
        sky.compare("truefusion", "a fox", inputs={"number_of_imags": 2}, client=client)
    assert not creates(sandbox)
    with sky.options(unknown_inputs="send"):
        sky.compare("truefusion", "a fox", inputs={"number_of_imags": 2}, client=client)
    assert len(creates(sandbox)) == 1


def test_a_failed_cell_stays_a_cell_and_the_others_go_on(sandbox, client):
    sandbox.faults.next("failed", on="create", after=1)
    sandbox.faults.next("no_credit", on="create", after=2)
    grid = sky.compare(models=MODELS, prompts=PROMPTS, client=client, limit=1)
    assert [cell.prediction.status for cell in grid.cells] == ["succeeded", "failed", "failed", "succeeded"]
    assert grid.cells[2].prediction.id.startswith("not-created")
    assert "Not enough credit" in grid.cells[2].error
    assert grid.cells[2].raised.charged is False
    assert grid.cells[2].cost == 0, "what was refused is known to cost nothing"
    assert grid.cost == sandbox.billed_amount
    assert "Not created" in grid.html
    assert "4 predictions, 2 failed, 0.04 credits in all" in grid.html
    assert "2 failed" in repr(grid)


def test_a_sandbox_s_grid_speaks_of_credits_although_nothing_was_created(client):
    with sky.budget(0):
        grid = sky.compare(MODELS, "a fox", client=client)
    assert "2 failed, 0 credits in all" in grid.html
    assert "$" not in grid.html


def test_a_cell_that_could_not_be_followed_keeps_the_id_that_may_be_billed(sandbox, client):
    sandbox.faults.next("unauthorized", on="read", times=50)
    cell = sky.compare(models="truefusion-edge", prompts="a fox", client=client)[0, 0]
    sandbox.faults.clear()
    assert sandbox.billed_amount == Decimal("0.01")
    assert client.predictions.wait(cell.prediction.id).status == "succeeded"
    assert isinstance(cell.raised, exceptions.AuthenticationError)
    assert cell.prediction.prompt == "a fox"
    assert cell.cost is None


def test_a_create_in_doubt_is_not_called_not_created_and_can_be_looked_for_again(sandbox, client):
    sandbox.faults.next("drop_after", on="create")
    sandbox.faults.next("unauthorized", on="list", times=50)
    grid = sky.compare(models="truefusion-edge", prompts="a fox", client=client)
    sandbox.faults.clear()
    [cell] = grid.cells
    assert cell.prediction.id == "uncertain-0"
    assert isinstance(cell.raised, exceptions.UncertainCreateError)
    assert "In doubt" in grid.html
    assert "Not created" not in grid.html
    assert (cell.cost, grid.cost) == (None, None), "nobody knows whether it was billed"
    assert "cost not wholly known" in grid.html
    assert client.predictions.reconcile(cell.raised).prompt == "a fox"


def test_a_failure_without_a_reason_is_still_a_failure(make_cell):
    grid = Comparison(["a fox"], ["truefusion"], [make_cell(status="failed")])
    assert grid.cells[0].error == "failed"
    assert "1 failed" in repr(grid)


def test_all_outputs_of_a_cell_are_shown(client):
    grid = sky.compare(
        models="truefusion-pro", prompts="a fox", inputs={"num_outputs": 3, "width": 256, "height": 256}
    )
    assert len(set(re.findall(r'<img src="([^"]+)"', grid.html))) == 3
    assert "a fox (truefusion-pro), 2 of 3" in grid.html


def test_a_long_prompt_is_cut_in_its_row_and_whole_in_its_tooltip(make_cell):
    prompt = "a fox that runs " * 40
    html = Comparison([prompt], ["truefusion"], [make_cell(status="queued")]).html
    shown = re.search(r'<th scope="row"[^>]* title="([^"]+)"[^>]*>([^<]+)</th>', html)
    assert shown[1] == prompt.strip()
    assert len(shown[2]) <= 240


def test_pictures_that_had_to_be_made_small_are_said_to_be(client):
    with sky.options(cell_budget=12_000):
        grid = sky.compare(models=MODELS, prompts=PROMPTS, client=client)
        assert "Shown small, to keep this cell under 12 kB (sky.options.cell_budget)." in grid.html
        assert len(grid.html) < 12_000


@pytest.mark.parametrize(
    "axes",
    [
        {"models": [], "prompts": "a fox"},
        {"models": "truefusion", "prompts": []},
        {"models": "truefusion", "prompts": ["a fox", 3]},
        {"models": 5, "prompts": "a fox"},
        {"models": "truefusion", "prompts": "a fox", "inputs": "wide"},
        {"models": "truefusion", "prompts": "a fox", "inputs": []},
        {"models": "truefusion", "prompts": "a fox", "inputs": {7: "seed"}},
        {"models": "truefusion", "prompts": "a fox", "inputs": [{"prompt": "an owl"}, {"prompt": "a wolf"}]},
    ],
)
def test_axes_that_are_none_are_refused_before_anything_is_sent(sandbox, client, axes):
    with pytest.raises(exceptions.InvalidInputError, match="Nothing was sent"):
        sky.compare(client=client, **axes)
    assert not sandbox.log


def test_an_axis_counts_each_value_once(client):
    assert sky.compare(models=["truefusion", "truefusion"], prompts="a fox", client=client).columns == (
        "truefusion",
    )


def test_it_shows_itself_with_text_on_both_axes_and_pictures_with_alt_text(client):
    bundle = sky.compare(models=MODELS, prompts=PROMPTS, client=client)._repr_mimebundle_()
    for word in (*MODELS, *PROMPTS):
        assert f">{word}</th>" in bundle["text/html"]
        assert word in bundle["text/plain"]
    assert bundle["text/html"].count("<img") == 4
    assert bundle["text/html"].count('alt="a red fox in snow') == 2
    assert len(bundle["text/html"]) < sky.options.cell_budget


def test_it_is_its_predictions_wherever_those_are_taken(client, capsys):
    grid = sky.compare(models=MODELS[1], prompts=["a fox", "an owl"], client=client)
    assert [made.prompt for made in grid] == ["a fox", "an owl"]
    assert (len(grid), len(sky.predictions_frame(grid)), repr(sky.gallery(grid))) == (2, 2, "<Gallery of 2>")
    for place in ("a fox", (2, 0), 0):
        with pytest.raises(exceptions.InvalidInputError, match="a row below 2 and a column below 1"):
            grid[place]
    capsys.readouterr()
    sky.show(grid)
    assert capsys.readouterr().out == f"{grid!r}\n"


def test_hostile_words_stay_words(client):
    grid = sky.compare(models="truefusion", prompts='"><script>alert(1)</script>', client=client)
    assert "<script" not in grid.html


def test_it_becomes_an_image(client):
    image = sky.compare(models=MODELS, prompts=PROMPTS, client=client).to_image(size=120)
    assert image.width > 2 * 120
    assert image.height > 2 * 120


def test_without_a_client_the_newest_open_one_is_used(sandbox, client):
    grid = sky.compare(models="truefusion-edge", prompts="a fox")
    assert grid.cells[0].prediction.origin == client.base_url
