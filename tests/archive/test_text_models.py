"""Text calls in an archive: with their messages and answers, and in every frame and sum."""

from __future__ import annotations

import pytest

import skytells_nb as sky


@pytest.fixture
def sandbox():
    with sky.Sandbox(transport="inprocess", seconds=0) as running:
        yield running


@pytest.fixture
def archive(tmp_path):
    with sky.Archive(tmp_path / "kept") as archive:
        yield archive


@pytest.fixture
def client(sandbox, archive):
    with sandbox.client(archive=archive) as client:
        yield client


def test_a_call_is_kept_with_its_messages_and_its_answer(client, archive):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Tell me of owls."}]
    made = client.chat.completions.create("deepbrain-router", messages, temperature=0.2)
    (kept,) = archive.predictions()
    assert kept.id == made.id
    assert (kept.model, kept.model_type, kept.status) == ("deepbrain-router", "text", "succeeded")
    assert kept.input == {"messages": messages, "temperature": 0.2}
    assert (kept.output, kept.cost, kept.prompt) == ([made.text], made.cost, "Tell me of owls.")
    assert kept.raw["model"] == made.model != kept.model
    assert kept.files[0].read_text("utf-8") == made.text
    assert [each.id for each in archive.find("owls")] == [made.id]


@pytest.mark.parametrize("model", ["gpt-5", "gpt-5.3-codex"])
def test_it_is_asked_again_with_changes(client, archive, model):
    asked = client.chat.completions if model == "gpt-5" else client.responses
    asked.create(model, "Tell me of owls.")
    (kept,) = archive.predictions()
    other = kept.again(temperature=0.1)
    assert other.input == {**kept.input, "temperature": 0.1}
    assert other.output
    assert kept.again(reuse=True).id == kept.id
    assert len(archive) == 2


def test_an_equal_question_is_paid_for_once(client, archive, sandbox):
    made = client.chat.completions.create("gpt-5", "hello", n=2, max_tokens=40)
    said = client.responses.create("skytells-3", "hello")
    vectors = {"model": "skytells-embed-3-small", "input": "hello", "dimensions": 4}
    billed = sandbox.billed_amount
    with sky.budget(0):
        messages = [{"role": "user", "content": "hello"}]
        again = client.chat.completions.create("gpt-5", messages, n=2, max_tokens=40, reuse=True)
        assert (again.id, again.choices, again.usage) == (made.id, made.choices, made.usage)
        assert (again.cost, again.reused, made.reused) == (made.cost, True, False)
        with sky.options(reuse=True):
            assert client.responses.create("skytells-3", "hello").text == said.text
            with pytest.raises(sky.BudgetExceeded):
                client.embeddings.create(**vectors)  # whose vectors are not kept
    for call in (client.chat.completions.create, client.embeddings.create):
        streamed = {"stream": True} if call != client.embeddings.create else {}
        with pytest.raises(sky.InvalidInputError, match="asked anew"):
            call(vectors["model"], "hello", reuse=True, **streamed)
    assert sandbox.billed_amount == billed
    assert not client.chat.completions.create("gpt-5", "hello", max_tokens=40, reuse=True).reused


def test_a_stream_a_response_and_vectors_are_kept_too(client, archive):
    with client.chat.completions.create("gpt-5", "hello", stream=True) as stream:
        text = "".join(piece.text for piece in stream)
    made = client.responses.create("skytells-3", "hello")
    vectors = client.embeddings.create("skytells-embed-3-small", ["a fox", "a hen"], dimensions=4)
    assert vectors.id.startswith("sandbox-"), "what it cost is no money"
    kept = {each.id: each for each in archive.predictions()}
    assert kept[stream.completion.id].output == [text]
    assert kept[made.id].output == [made.text]
    assert kept[vectors.id].prompt == "a fox\na hen"
    assert not kept[vectors.id].output
    assert "data" not in kept[vectors.id].raw
    drawn = client.predictions.create("truefusion-edge", {"prompt": made, "width": 64})
    assert drawn.prompt == made.text, "an answer is a prompt by its words"


def test_what_a_broken_stream_wrote_is_kept(client, archive, sandbox):
    sandbox.faults.next("text", quirk="cut")
    with pytest.raises(sky.StreamInterruptedError) as caught:
        list(client.chat.completions.create("gpt-5", "hello", stream=True))
    (kept,) = archive.predictions()
    assert kept.status == "failed"
    assert kept.output == [caught.value.text]
    assert kept.cost is None


def test_equal_questions_are_kept_each(client, archive):
    for _ in range(3):
        client.chat.completions.create("gpt-5", "hello")
    paths = [path for each in archive.predictions() for path in each.files]
    assert len(set(paths)) == 3


def test_frames_and_sums_count_tokens_and_costs(client, archive, sandbox):
    client.predictions.create("truefusion-edge", {"prompt": "a fox", "width": 64})
    made = [client.chat.completions.create("gpt-5", f"hello {n}", max_tokens=200) for n in range(3)]
    frame = sky.predictions_frame(archive)
    rows = frame[frame["model"] == "gpt-5"].set_index("id")
    for each in made:
        row = rows.loc[each.id]
        assert row["model_type"] == "text"
        assert (row["tokens_in"], row["tokens_out"]) == (each.usage.input_tokens, each.usage.output_tokens)
        assert row["cost"] == pytest.approx(float(each.cost))
        assert row["input.max_tokens"] == 200
        assert row["input.messages"] == each.input["messages"]
    assert frame.loc[frame["model"] == "truefusion-edge", "tokens_in"].isna().all()
    spent = sky.spend(frame).set_index("model")
    assert spent.loc["gpt-5", "cost"] == pytest.approx(float(sum(each.cost for each in made)))
    forecast = sky.forecast(frame, "gpt-5", 100)
    assert float(forecast.amount) == pytest.approx(100 * float(sum(each.cost for each in made)) / 3, rel=0.3)
    again = sky.predictions_frame(frame)
    assert list(again["tokens_out"].dropna()) == list(frame["tokens_out"].dropna())
    listed = sky.predictions_frame([made[0], *(each.to_prediction() for each in made[1:])])
    assert list(listed["tokens_in"]) == [each.usage.input_tokens for each in made]
    assert sky.total(made[0]) == made[0].cost
    (one,) = sky.batch("gpt-5", ["hello 0"], client=client, progress=False).to_pandas()["tokens_out"]
    assert one > 0


def test_without_text_calls_a_frame_is_as_it_was(client, archive):
    client.predictions.create("truefusion-edge", {"prompt": "a fox", "width": 64})
    assert "tokens_in" not in sky.predictions_frame(archive).columns


def test_a_damaged_answer_costs_its_tokens_alone(client, archive):
    client.chat.completions.create("gpt-5", "hello")
    archive.database.writing(lambda db: db.execute("UPDATE documents SET raw = '{'"), 1.0)
    assert len(sky.predictions_frame(archive)) == 1


def test_an_answer_that_is_still_queued_is_kept_as_that(client, archive):
    answer = sky.Response.from_api({"id": "resp_1", "object": "response", "status": "queued", "output": []})
    sky.run(archive.ended(client.connection.account, answer.to_prediction()))
    (kept,) = archive.predictions()
    assert (kept.status, kept.cost) == ("queued", None)
    assert archive.predictions(status="succeeded") == []
