"""An arena on a real sandbox: made once, shown blindly, voted on, and never forgotten."""

from __future__ import annotations

import re
import shutil
from decimal import Decimal
from types import SimpleNamespace

import httpx
import pytest
from PIL import Image

import skytells_nb as sky
from skytells_nb import exceptions
from skytells_nb.rating._arena import parse_tasks
from skytells_nb.rating._widgets import _blind_html
from skytells_nb.sandbox import media

MODELS = ["truefusion", "truefusion-pro", "truefusion-edge"]
PROMPTS = ["a red fox in snow", "an owl at night"]
WRITERS, QUESTION = ["gpt-5", "gpt-5-nano"], ["Why is the sea blue?"]
BEST = {"truefusion-pro": 0, "truefusion": 1, "truefusion-edge": 2}
COLUMNS = ["model", "score", "low", "high", "wins", "games", "mean_s", "cost_each", "cost_per_win"]


@pytest.fixture(scope="module")
def sandbox():
    with sky.Sandbox(transport="inprocess", seconds=0, seed=3) as running:
        yield running


@pytest.fixture(scope="module")
def made(sandbox, tmp_path_factory):
    """Make all that the tests look at once: drawing it takes longer than anything else here."""
    folder = tmp_path_factory.mktemp("arena") / "kept"
    with sandbox.client(archive=folder) as client:
        sky.Arena(MODELS, PROMPTS, client=client)
        sky.Arena(WRITERS, QUESTION, client=client)
        client.archive.close()
    return folder


@pytest.fixture
def client(sandbox, made, tmp_path):
    shutil.copytree(made, tmp_path / "kept")
    with sandbox.client(archive=tmp_path / "kept") as connected:
        yield connected


def better(pair):
    """Choose as somebody would who always likes the dearer model better."""
    return "left" if BEST[pair.left.model] < BEST[pair.right.model] else "right"


def vote_on_everything(arena, choose=better):
    while arena.pair is not None:
        arena.vote(choose(arena.pair))


def test_a_task_is_known_again_by_the_picture_that_it_begins_with():
    picture = Image.new("RGB", (8, 8), "teal")
    given = (picture, picture.copy(), Image.new("RGB", (8, 8)))
    keys = [parse_tasks("a fox", {"image": each})[0].key for each in given]
    assert keys[0] == keys[1] != keys[2]


def test_a_frames_rows_are_tasks_and_not_the_names_of_its_columns():
    grid = sky.grid(prompt="a {animal}", animal=["fox", "hen"], seed=[1, 2])
    assert parse_tasks(grid, None) == parse_tasks(["a fox", "a hen"], [{"seed": 1}, {"seed": 2}])
    for wrong in (grid[["seed"]], {"short": "a fox"}):
        with pytest.raises(sky.InvalidInputError, match="prompts holds"):
            parse_tasks(wrong, None)


def test_pictures_are_priced_made_once_and_taken_from_the_archive_then(sandbox, client, capsys):
    before = sandbox.billed
    arena = sky.Arena(MODELS, [*PROMPTS, "a swan"], client=client)
    said = "9 predictions: 3 models × 3 tasks, 0.27 credits at most; what the archive has is not made again\n"
    assert capsys.readouterr().out == said
    assert sandbox.billed == before + 3
    assert arena.progress == (0, 9)
    sky.Arena(MODELS, [*PROMPTS, "a swan"], client=client)
    assert sandbox.billed == before + 3


def test_every_pair_is_asked_for_once_with_one_task_and_two_models(client):
    arena, seen = sky.Arena(MODELS, PROMPTS, client=client), set()
    while arena.pair is not None:
        left, right = arena.pair
        assert left.prompt == right.prompt
        seen.add((left.prompt, frozenset((left.model, right.model))))
        arena.vote("both")
    assert len(seen) == arena.progress[1] == 6
    with pytest.raises(exceptions.InvalidInputError, match="me has voted on every pair"):
        arena.vote("left")


def test_a_pair_stays_until_it_is_voted_on(client):
    arena = sky.Arena(MODELS, PROMPTS, client=client)
    assert arena.pair is arena.pair
    first = arena.pair
    arena.vote("left")
    assert arena.pair != first


def test_sides_are_random_so_that_a_voter_who_only_looks_left_prefers_nobody(client):
    arena = sky.Arena(MODELS[:2], PROMPTS, client=client)
    sides = set()
    for n in range(20):
        arena.voter = f"voter {n}"
        sides.add(arena.pair.left.model)
    assert sides == {*MODELS[:2]}


def test_the_ranking_is_best_first_with_time_and_cost(client):
    arena = sky.Arena(MODELS, PROMPTS, client=client)
    vote_on_everything(arena)
    ranking = arena.ranking()
    assert list(ranking.columns) == COLUMNS
    assert list(ranking["model"]) == sorted(BEST, key=BEST.get)
    assert list(ranking["wins"]) == [4, 2, 0]
    assert list(ranking["games"]) == [4, 4, 4]
    assert (ranking["low"] < ranking["score"]).all()
    assert (ranking["score"] < ranking["high"]).all()
    assert list(ranking["cost_each"]) == [0.05, 0.03, 0.01]
    assert list(ranking["cost_per_win"][:2]) == [0.05, 0.06]
    assert ranking["cost_per_win"].isna()[2]
    assert ranking["mean_s"].notna().all()
    assert ranking.attrs["verdict"] == arena.verdict
    assert "truefusion-pro leads truefusion, but that may be chance" in arena.verdict


def test_what_nobody_voted_on_has_no_score(client):
    ranking = sky.Arena(MODELS, PROMPTS, client=client).ranking()
    assert ranking[["score", "low", "high", "cost_per_win"]].isna().all(axis=None)
    assert ranking.attrs["verdict"] == "There are no votes yet."


def test_all_ties_leave_the_models_level(client):
    arena = sky.Arena(MODELS, PROMPTS, client=client)
    vote_on_everything(arena, lambda pair: "neither")
    assert list(arena.ranking()["wins"]) == [2, 2, 2]
    assert "are level after 6 votes" in arena.verdict
    assert arena.votes["winner"].isna().all()


def test_votes_are_kept_and_gone_on_with_also_when_the_index_is_made_anew(client, sandbox, tmp_path):
    arena = sky.Arena(MODELS, PROMPTS, client=client)
    for voter in ("Ada", "Ada", "Grace"):
        arena.vote(better(arena.pair), voter=voter)
    before = arena.votes
    client.archive.close()
    for file in (tmp_path / "kept").glob("index.sqlite*"):
        file.unlink()
    with sandbox.client(archive=tmp_path / "kept") as later, pytest.warns(sky.exceptions.SkytellsWarning):
        again = sky.Arena(MODELS, PROMPTS, client=later)
    assert again.votes.equals(before)
    assert list(before["voter"]) == ["Ada", "Ada", "Grace"]
    again.voter = "Ada"
    assert again.progress == (2, 6)


def test_votes_of_another_notebook_count_when_they_are_looked_at(client):
    mine, theirs = (sky.Arena(MODELS, PROMPTS, client=client) for _ in range(2))
    theirs.vote("left", voter="Grace")
    assert len(mine.votes) == 1
    assert mine.ranking()["games"].sum() == 2


def test_two_takes_of_a_prompt_are_two_tasks(client):
    arena = sky.Arena(WRITERS, QUESTION, inputs=[{}, {}], client=client)
    first = {each.id for each in arena.pair}
    arena.vote("left")
    assert first.isdisjoint(each.id for each in arena.pair)


def test_without_its_sandbox_an_arena_ranks_by_the_votes_it_has(tmp_path):
    with sky.Sandbox(seconds=0) as short, short.client(archive=tmp_path, max_retries=0) as client:
        arena = sky.Arena(WRITERS, QUESTION, client=client)
        arena.vote("left")
        short.stop()
        with pytest.warns(sky.exceptions.SkytellsWarning, match="votes of a class could not be asked for"):
            assert arena.ranking()["games"].sum() == 2


def test_a_model_and_a_prompt_more_keep_the_votes_there_are(client):
    vote_on_everything(sky.Arena(MODELS[:2], PROMPTS[:1], client=client))
    wider = sky.Arena(MODELS, PROMPTS, client=client)
    assert wider.progress == (1, 6)
    narrower = sky.Arena(MODELS[1:], PROMPTS, client=client)
    assert narrower.progress == (0, 2)


def test_whoever_votes_twice_on_a_pair_has_one_vote(client):
    arena = sky.Arena(MODELS[:2], PROMPTS, client=client)
    arena.vote("both", voter="Ada")
    first, arena.voter = arena._pair, "Grace"
    arena._pair = first  # as it stands where two vote at once, in two notebooks
    arena.vote("both", voter="Ada")
    arena._pair = first
    with pytest.warns(sky.exceptions.SkytellsWarning, match="Ada had voted on this pair before"):
        arena.vote("neither", voter="Ada")
    assert list(arena.votes["vote"]) == ["both", "neither"]


def test_a_vote_that_cannot_be_written_does_not_count(client, tmp_path):
    arena = sky.Arena(MODELS, PROMPTS, client=client)
    (tmp_path / "kept" / "votes").write_text("in the way")
    with pytest.raises(exceptions.SkytellsError):
        arena.vote("left")
    assert arena.progress[0] == 0


def test_a_line_that_is_no_vote_is_left_out(client, tmp_path):
    arena = sky.Arena(MODELS, PROMPTS, client=client)
    arena.vote("left")
    (file,) = (tmp_path / "kept" / "votes").iterdir()
    whole = file.read_text("utf-8")
    file.write_text(f'{whole}{whole[:40]}\n{{"skytells_nb": 1}}\n[]\n', "utf-8")
    assert len(arena.votes) == 1


def test_a_picture_that_is_deleted_meanwhile_is_shown_no_more(client):
    arena = sky.Arena(MODELS, PROMPTS[:1], client=client)
    gone = arena.pair.left
    gone.files[0].unlink()
    with pytest.warns(sky.exceptions.SkytellsWarning, match=f"The output of {gone.id} is no longer"):
        assert gone not in arena.pair
    arena.vote("both")
    assert arena.pair is None


def test_what_fails_takes_no_part_and_is_told(sandbox, client):
    sandbox.faults.next("failed")
    with pytest.warns(sky.exceptions.SkytellsWarning, match="1 of 6 predictions cannot take part: "):
        arena = sky.Arena(MODELS, ["a wolf", PROMPTS[0]], client=client)
    assert arena.progress[1] == 4


def test_a_budget_leaves_out_what_would_cross_it(sandbox, client):
    spent = sandbox.billed_amount
    prompts = ["a whale", "a wren", "a wolf"]
    with pytest.warns(sky.exceptions.SkytellsWarning, match="cannot take part: .* budget"):
        arena = sky.Arena(["truefusion-edge", "truefusion-pro"], prompts, budget="0.12", client=client)
    assert sandbox.billed_amount - spent <= Decimal("0.12")
    assert 0 < arena.progress[1] < 3
    with pytest.raises(exceptions.BudgetExceeded):
        sky.Arena(MODELS, "a lynx", budget=0, client=client)


def test_text_models_take_part_and_are_asked_once(sandbox, client):
    asked = sandbox.billed
    arena = sky.Arena(WRITERS, [*QUESTION, "Name a boat."], client=client)
    assert sandbox.billed == asked + 2
    assert arena.pair.left.input == arena.pair.right.input
    vote_on_everything(arena, lambda pair: "left")
    assert arena.ranking()["cost_each"].notna().all()
    again = sky.Arena(WRITERS, [*QUESTION, "Name a boat."], client=client)
    assert again.progress == (2, 2)
    assert sandbox.billed == asked + 2


def test_what_is_shown_says_nothing_of_its_model_or_file(client):
    pictures = sky.Arena(MODELS[:2], PROMPTS[:1], client=client)
    texts = sky.Arena(WRITERS, QUESTION, client=client)
    for made in (*pictures.pair, *texts.pair):
        html = re.sub(r'src="data:[^"]*"', "", _blind_html(made))
        for word in (made.model, made.id, *(file.name for file in made.files), "href"):
            assert word not in html
    assert 'alt="a red fox in snow"' in _blind_html(pictures.pair.left)


def test_the_widget_shows_the_next_pair_and_the_ranking_on_demand(client):
    arena = sky.Arena(MODELS, PROMPTS, client=client)
    widget = arena.widget
    left, right = (side.value for side in widget._sides)
    assert left != right
    press = {button.description: button for button in widget._buttons.children}
    press["← Left"].click()
    assert [side.value for side in widget._sides] != [left, right]
    assert list(arena.votes["vote"]) == ["left"]
    assert widget._ranking.value == ""
    widget._open.value = True
    assert all(model in widget._ranking.value for model in MODELS)
    widget._voter.value = "Ada"
    assert arena.voter == "Ada"
    widget._voter.value = " "
    assert "voter must be a name" in widget._said.value
    vote_on_everything(arena)
    assert "That was every pair." in widget._head.value
    hidden = [each for each in widget.children if each.layout.display == "none"]
    assert hidden == [widget._buttons], "and the ranking can be opened still"
    bundle = arena._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert arena.verdict in bundle["text/html"]


def test_it_is_drawn_with_every_model_and_the_verdict(client):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    arena = sky.Arena(MODELS, PROMPTS, client=client)
    vote_on_everything(arena)
    ax = arena.plot()
    labels = [each.get_text() for each in ax.get_yticklabels()]
    assert [label.partition("\n")[0] for label in labels[::-1]] == sorted(BEST, key=BEST.get)
    assert ax.get_title().replace("\n", " ") == arena.verdict
    assert "score" in ax.get_xlabel()
    pyplot.close(ax.figure)


def test_a_class_votes_on_its_page_and_the_teachers_ranking_grows(tmp_path):
    # a painter of this process: those of a class are processes of their own, which take seconds to start
    def draw(kind, input, **which):
        return media.draw(kind, {**input, "width": 64, "height": 64}, **which)

    painter = SimpleNamespace(draw=draw, file_type=media.file_type)
    class_of = {"learners": ["Ada", "Grace"], "seconds": 0, "media": painter}
    with sky.Sandbox(**class_of) as room, room.client(archive=tmp_path) as teacher, httpx.Client() as phone:
        arena = sky.Arena(MODELS[:2], PROMPTS, client=teacher)
        assert arena.ranking()["games"].sum() == 0
        page, _ = room.vote_urls
        for learner in room.learners:
            sent = {"key": learner.key}
            for _ in arena._pairs():
                shown = phone.post(page, data=sent).text
                sides = dict(re.findall(r'name="(left|right)" value="([^"]+)"', shown))
                dearer = teacher.archive.get(sides["left"]).model == "truefusion-pro"
                phone.post(page, data={**sent, **sides, "vote": "left" if dearer else "right"})
        ranking = arena.ranking()
        assert list(ranking["model"]) == ["truefusion-pro", "truefusion"]
        assert list(ranking["wins"]) == [4, 0]
        assert sorted({*arena.votes["voter"]}) == ["Ada", "Grace"]
        with sky.Client(room.learners[0].key, base_url=room.url, archive=tmp_path / "Ada") as pupil:
            assert len(sky.Arena(MODELS[:2], PROMPTS[:1], client=pupil).votes) == 0
    with sky.Sandbox(seconds=0) as later, later.client(archive=tmp_path) as other:
        assert len(sky.Arena(MODELS[:2], PROMPTS[:1], client=other).votes) == 0  # another API's pictures
    assert len(teacher.archive.vote_log().read()) == 4


@pytest.mark.parametrize(
    ("models", "prompts", "options", "words"),
    [
        (["truefusion"], "a fox", {}, "two models or more, and 'truefusion' is alone"),
        (["truefusion", "truefusion"], "a fox", {}, "is alone"),
        ([], "a fox", {}, "models is empty"),
        (MODELS, [], {}, "prompts is empty"),
        (MODELS, ["a fox", 3], {}, "prompts holds 3"),
        (MODELS, "a fox", {"inputs": {"prompt": "an owl"}}, "inputs must be a dict of what"),
        (MODELS, "a fox", {"inputs": "seed"}, "inputs must be a dict of what"),
        (MODELS, "a fox", {"inputs": {"sed": 1}}, "Did you mean 'seed'"),
        (MODELS, "a fox", {"budget": "much"}, "an amount of 0 or more"),
        (["truefusion", "gpt-5"], "a fox", {}, "gpt-5 writes text and truefusion does not"),
        (["gpt-5", "skytells-embed-3-small"], "a fox", {}, "skytells-embed-3-small makes vectors"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_made(
    sandbox, client, models, prompts, options, words
):
    before = sandbox.billed
    with pytest.raises(exceptions.InvalidInputError, match=re.escape(words)):
        sky.Arena(models, prompts, client=client, **options)
    assert sandbox.billed == before


def test_without_an_archive_there_is_no_arena(sandbox):
    with (
        sandbox.client(archive=False) as bare,
        pytest.raises(exceptions.InvalidInputError, match="needs an archive"),
    ):
        sky.Arena(MODELS, PROMPTS, client=bare)


@pytest.mark.parametrize("choice", ["Left", "", None, 1, "neihter"])
def test_a_choice_that_is_none_is_refused(client, choice):
    arena = sky.Arena(MODELS, PROMPTS, client=client)
    with pytest.raises(exceptions.InvalidInputError, match="choice must be 'left', 'right', 'both' or"):
        arena.vote(choice)
    assert arena.progress[0] == 0


@pytest.mark.parametrize("voter", ["", "  ", 7, "x" * 61])
def test_a_voter_has_a_name(client, voter):
    arena = sky.Arena(MODELS, PROMPTS, client=client)
    with pytest.raises(exceptions.InvalidInputError, match="voter must be"):
        arena.vote("left", voter=voter)
    with pytest.raises(exceptions.InvalidInputError, match="voter must be"):
        arena.voter = voter
    assert arena.progress[0] == 0
