"""The class's vote: blind, with the learner's key, and counted for the teacher alone."""

import re
from collections import Counter
from urllib.parse import urlencode

import pytest

from skytells_nb.sandbox._jobs import Job
from skytells_nb.sandbox._own_routes import strengths, teachers_word
from skytells_nb.sandbox._state import ANSWERS, State, StateFile

MODELS = ("truefusion", "truefusion-pro", "truefusion-edge")


@pytest.fixture
def room(talk):
    """Make a class whose teacher has made one prompt with three models."""

    def make(prompts=("a fox",), models=MODELS, **options):
        api = talk(**{"learners": 3, "seconds": 0, "seed": 7, **options})
        api.teacher = {"x_api_key": api.core.state.api_key}
        api.keys = {each.name: each.key for each in api.core.state.learners}
        api.path = f"/class/{api.core.state.gallery}/vote"
        for prompt in prompts:
            for model in models:
                body = {"model": model, "input": {"prompt": prompt}}
                assert api.ask("POST", "/v1/predictions", body, **api.teacher).status == 200

        def send(learner="learner-01", **fields):
            body = urlencode({"key": api.keys[learner], **fields}).encode()
            return api.ask("POST", api.path, body, x_api_key="").answer.body.decode()

        def vote(choice, learner="learner-01"):
            shown = send(learner)
            return send(learner, **hidden(shown), vote=choice)

        api.send, api.vote = send, vote
        api.votes = lambda: api.get("/__sandbox__/votes", **api.teacher).json["votes"]
        return api

    return make


def hidden(page):
    return {name: re.search(rf'name="{name}" value="([^"]*)"', page)[1] for name in ("left", "right")}


def test_a_pair_is_shown_for_a_learners_key_without_a_word_of_its_models(room):
    api = room()
    assert 'name="key"' in api.get(api.path, x_api_key="").answer.body.decode()
    page = api.send()
    assert "Which is better?" in page
    assert "a fox" in page
    assert "0 of 3 pairs voted on by learner-01" in page
    assert not any(model in page for model in MODELS)
    pictures = re.findall(r'<img src="([^"]*)"', page)
    assert [api.get(path, x_api_key="").status for path in pictures] == [200, 200]


def test_every_pair_is_voted_on_once_and_the_votes_are_the_teachers(room):
    api = room()
    assert "1 of 3 pairs" in api.vote("left")
    assert "2 of 3 pairs" in api.vote("both")
    assert "That was every pair" in api.vote("neither")
    votes = api.votes()
    assert [vote["vote"] for vote in votes] == ["left", "both", "neither"]
    assert {vote["voter"] for vote in votes} == {"learner-01"}
    assert len({frozenset((vote["left"], vote["right"])) for vote in votes}) == 3
    learner = {"x_api_key": api.keys["learner-01"]}
    assert api.get("/__sandbox__/votes", **learner).status == 401


def test_a_second_vote_on_a_pair_takes_the_place_of_the_first(room):
    api = room()
    shown = hidden(api.send())
    api.send(**shown, vote="left")
    api.send(**shown, vote="right")
    assert [vote["vote"] for vote in api.votes()] == ["right"]


def test_who_votes_next_is_shown_what_fewest_have_voted_on_with_sides_by_chance(room):
    api = room(prompts=[f"fox {n}" for n in range(4)], models=MODELS[:2])
    first = [hidden(api.send(name)) for name in api.keys]
    api.vote("left", "learner-02")
    done = frozenset(api.votes()[0][side] for side in ("left", "right"))
    assert frozenset(hidden(api.send("learner-01")).values()) != done
    sides = set()
    for _ in range(4):
        shown = hidden(api.send("learner-03"))
        sides.add(api.core.state.jobs[shown["left"]].model)
        api.vote("both", "learner-03")
    assert sides == {*MODELS[:2]}
    assert len(first) == 3


@pytest.mark.parametrize(
    "fields",
    [
        {"vote": "best"},
        {"vote": "left", "left": "nothing", "right": "nobody"},
        {"vote": "left", "left": "", "right": ""},
        {},
    ],
)
def test_what_is_no_vote_on_a_pair_is_not_counted(room, fields):
    api = room()
    shown = hidden(api.send())
    assert "Which is better?" in api.send(**{**shown, **fields})
    assert api.votes() == []


def test_a_wrong_key_and_a_wrong_address_show_nothing(room):
    api = room()
    body = urlencode({"key": "sk-sandbox-nobody"}).encode()
    reply = api.ask("POST", api.path, body, x_api_key="").answer.body.decode()
    assert "That key is of nobody in this class." in reply
    assert "<img" not in reply
    for path in ("/class/guess/vote", f"{api.path}/a/b", api.path.replace("vote", "votes")):
        assert api.get(path, x_api_key="").status in (404, 410)


def test_learners_pictures_and_single_ones_are_not_voted_on(room):
    api = room(models=MODELS[:1])
    body = {"model": "truefusion-pro", "input": {"prompt": "a fox"}}
    api.ask("POST", "/v1/predictions", body, x_api_key=api.keys["learner-02"])
    assert "Nothing to vote on yet." in api.send()


def test_answers_of_text_models_are_voted_on_side_by_side(room):
    api = room(models=())
    said = [{"role": "user", "content": "Why is the sea blue?"}]
    for key, path, body in (
        (api.teacher, "chat/completions", {"model": "gpt-5", "messages": said}),
        (api.teacher, "responses", {"model": "gpt-5.3-codex", "input": said[0]["content"]}),
        (api.teacher, "chat/completions", {"model": "gpt-5-nano", "messages": said, "n": 2}),
        ({"x_api_key": api.keys["learner-02"]}, "chat/completions", {"model": "gpt-5", "messages": said}),
    ):
        assert api.ask("POST", f"/v1/{path}", body, **key).status == 200
    page = api.send()
    assert "0 of 3 pairs" in page
    assert '<p class="asked" dir="auto">Why is the sea blue?</p>' in page
    assert page.count("<blockquote") == 2
    assert "gpt" not in page
    api.vote("left")
    assert {api.votes()[0][side] for side in ("left", "right")} <= api.core.state.answers.keys()


def test_without_a_class_there_is_no_vote(talk):
    api = talk()
    assert api.get(f"/class/{api.core.state.gallery}/vote").status == 404
    assert api.get(f"/class/{teachers_word(api.core.state)}/vote").status == 404
    assert api.get("/__sandbox__/votes", x_api_key=api.core.state.api_key).json == {"votes": []}


def test_the_teacher_sees_the_ranking_grow(room):
    api = room()
    path = f"/class/{teachers_word(api.core.state)}/vote"
    assert "No votes yet." in api.get(path, x_api_key="").answer.body.decode()
    for learner in api.keys:
        for _ in range(3):
            shown = hidden(api.send(learner))
            better = api.core.state.jobs[shown["left"]].model < api.core.state.jobs[shown["right"]].model
            api.send(learner, **shown, vote="left" if better else "right")
    reply = api.get(path, x_api_key="")
    page = reply.answer.body.decode()
    assert reply.headers["refresh"] == "5"
    assert "9 votes by 3 voters" in page
    assert re.findall(r"<td>(truefusion[^<]*)</td>", page) == sorted(MODELS)
    assert "<td>6 of 6</td>" in page


def test_strengths_are_chances_against_an_average_model():
    even = strengths(Counter({("a", "b"): 5, ("b", "a"): 5}))
    assert [chance for _, chance in even] == pytest.approx([0.5, 0.5])
    (best, high), (_, low) = strengths({("a", "b"): 9.0, ("b", "a"): 1.0})
    assert best == "a"
    assert high + low == pytest.approx(1)
    assert 0.5 < high < 1


def test_the_page_lets_nothing_in_and_hides_nothing_dangerous(room):
    api = room(prompts=['<script>alert("x")</script>'])
    reply = api.get(api.path, x_api_key="")
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert "unsafe" not in policy
    assert '<script>alert("x")' not in api.send()


def test_votes_outlive_the_sandbox_in_its_state_file(tmp_path):
    path = tmp_path / "state.sqlite"
    state = State(StateFile(path))
    state.vote("a b Ada", {"voter": "Ada", "vote": "left", "left": "a", "right": "b", "at": 1.0})
    for number in range(ANSWERS + 1):
        state.keep_answer(Job(str(number), 0, "gpt-5", "text", "text", {}, number, 0, 0, 0, text="yes"))
    state.close()
    again = State(StateFile(path))
    assert list(again.answers) == [str(number) for number in range(1, ANSWERS + 1)], "the newest"
    assert again.votes["a b Ada"]["vote"] == "left"
    again.close()
