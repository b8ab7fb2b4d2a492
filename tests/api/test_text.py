"""Text models: what is asked, what comes back, whole and as it is written, and what goes wrong with it."""

from __future__ import annotations

import asyncio
import pickle
import warnings
from decimal import Decimal

import pytest

import skytells_nb as sky
from skytells_nb.models import Piece, ToolCall

SEA = "Why is the sea blue?"


@pytest.fixture
def sandbox():
    with sky.Sandbox(transport="inprocess", seconds=0) as running:
        yield running


@pytest.fixture
def client(sandbox):
    with sandbox.client() as client:
        yield client


def streamed(client, route="chat", **params):
    """Take all pieces of a stream; returns them and what they made."""
    with opened(client, route, **params) as stream:
        return list(stream), stream.completion


def opened(client, route="chat", **params):
    if route == "chat":
        return client.chat.completions.create("gpt-5", SEA, stream=True, **params)
    return client.responses.create("gpt-5", SEA, stream=True, **params)


ROUTES = pytest.mark.parametrize("route", ["chat", "responses"])


def test_a_completion_is_a_plain_value(client):
    made = client.chat.completions.create("gpt-5", SEA)
    assert "sea" in made.text
    assert (made.finish_reason, made.model, made.requested_model) == ("stop", "gpt-5", "gpt-5")
    assert made.usage.total_tokens == made.usage.input_tokens + made.usage.output_tokens
    assert made.cost == made.usage.input_tokens * Decimal("5e-7") + made.usage.output_tokens * Decimal(
        "125e-8"
    )
    assert made.created_at.utcoffset().total_seconds() == 0
    assert made.raw["object"] == "chat.completion"
    assert made.note is None
    assert pickle.loads(pickle.dumps(made)) == made
    assert {each.side for each in made.filters} == {"prompt", "completion"}


def test_a_response_follows_one_that_was_kept(client):
    first = client.responses.create("skytells-3", "My colour is indigo.", store=True)
    then = client.responses.create("skytells-3", "Which?", previous_response_id=first.id)
    assert "indigo" in then.text
    assert (then.status, then.finish_reason, then.output[0]["type"]) == ("completed", "stop", "message")
    assert then.cost > 0
    assert pickle.loads(pickle.dumps(then)) == then


def test_vectors_come_in_order_and_from_base64(client):
    texts = ["a fox in snow", "a hen in rain"]
    made = client.embeddings.create("skytells-embed-3-small", texts, dimensions=8)
    packed = client.embeddings.create("skytells-embed-3-small", texts, dimensions=8, encoding_format="base64")
    assert made.to_numpy().shape == (2, 8)
    assert packed.to_numpy() == pytest.approx(made.to_numpy(), abs=1e-6)
    assert list(made.to_pandas().index) == texts
    assert made.cost > 0
    assert made.usage.total_tokens == made.usage.input_tokens
    assert pickle.loads(pickle.dumps(made)) == made


@ROUTES
def test_a_stream_is_the_whole_answer_in_pieces(client, route):
    pieces, made = streamed(client, route)
    assert "".join(piece.text for piece in pieces) == made.text
    assert pieces[-1].finish_reason == made.finish_reason == "stop"
    assert made.cost > 0
    assert made.seconds >= 0
    assert made.id
    assert pickle.loads(pickle.dumps(pieces)) == pieces


@ROUTES
def test_what_was_read_so_far_is_there_at_any_time(client, route):
    text = ""
    with opened(client, route) as stream:
        for piece in stream:
            text += piece.text
            assert stream.completion.text == text


@ROUTES
def test_a_task_reads_it_too_on_its_own_loop_and_on_the_toolkits(sandbox, route):
    async def main():
        async with sandbox.async_client() as client:
            asked = client.chat.completions if route == "chat" else client.responses
            async with await asked.create("gpt-5", SEA, stream=True) as stream:
                text = "".join([piece.text async for piece in stream])
            return text == stream.completion.text != ""

    assert asyncio.run(main())
    assert sky.run(main())


def test_several_choices_come_in_turns(client):
    pieces, made = streamed(client, n=3)
    for choice in made.choices:
        assert choice.text == "".join(piece.text for piece in pieces if piece.choice == choice.index)
    assert [choice.finish_reason for choice in made.choices] == ["stop"] * 3


def test_tools_are_functions_and_their_calls_are_typed(client):
    def tide_at(port: str, day: int = 0) -> str:
        """Return when the tide is high.

        Parameters
        ----------
        port : str
            The harbour's name.
        """

    messages = [{"role": "user", "content": "When is the tide in Brest?"}]
    asked = client.chat.completions.create("gpt-5", messages, tools=[tide_at])
    (call,) = asked.tool_calls
    assert (call.name, asked.finish_reason) == ("tide_at", "tool_calls")
    assert set(call.parsed) == {"port", "day"}
    sent = asked.input["tools"][0]["function"]
    assert sent["description"] == "Return when the tide is high."
    assert sent["parameters"]["properties"]["port"] == {
        "type": "string",
        "description": "The harbour's name.",
    }
    answered = client.chat.completions.create(
        "gpt-5", [*messages, asked, call.result({"high": "06:12"})], tools=[tide_at]
    )
    assert "06:12" in answered.text
    pieces, streamed_call = streamed(client, tools=[tide_at], tool_choice=tide_at)
    assert streamed_call.tool_calls[0].parsed == {
        **call.parsed,
        "port": streamed_call.tool_calls[0].parsed["port"],
    }
    assert "".join(part.arguments for piece in pieces for part in piece.tool_calls).startswith("{")


def test_a_response_stands_for_its_calls_and_their_results_follow(client):
    tool = {"type": "function", "function": {"name": "tide_at", "parameters": {"type": "object"}}}
    first = client.responses.create("gpt-5", "tide?", tools=[tool])
    (call,) = first.tool_calls
    then = client.responses.create("gpt-5", [first, call.result({"high": "06:12"})], tools=[tool])
    assert [(item["type"], item["call_id"]) for item in then.input["input"]] == [
        ("function_call", call.id),
        ("function_call_output", call.id),
    ]
    assert "06:12" in then.text


def test_arguments_that_are_no_json_say_so():
    with pytest.raises(sky.InvalidInputError, match="cannot be read as JSON"):
        _ = ToolCall("c", "tide_at", '{"port": "Bre').parsed


class TestQuirks:
    """What a client must survive (skytells-api-text.md section 8)."""

    @ROUTES
    @pytest.mark.parametrize(
        "quirk",
        [
            "split",
            "crlf",
            "no-space",
            "comments",
            "no-done",
            "stays-open",
            "usage-everywhere",
            "unknown-event",
            "json-for-stream",
            "content-parts",
            "stream-options-refused",
        ],
    )
    def test_however_it_is_written_the_words_are_the_same(self, client, sandbox, quirk, route):
        plain = client.chat.completions.create("gpt-5", SEA).text
        sandbox.faults.always("text", quirk=quirk)
        pieces, made = streamed(client, route)
        assert "".join(piece.text for piece in pieces) == made.text == plain
        assert made.finish_reason == "stop"
        assert made.note is None
        assert (made.cost is None) is (quirk == "stream-options-refused" and route == "chat")

    def test_letters_beyond_ascii_are_whole(self, client, sandbox):
        sandbox.faults.always("text", quirk="split")
        with client.chat.completions.create("gpt-5", "Anchor ⚓ and 🦊", stream=True) as stream:
            assert "⚓ and 🦊" in "".join(piece.text for piece in stream)

    @ROUTES
    def test_a_cut_stream_carries_its_text_and_is_not_called_whole(self, client, sandbox, route):
        whole = client.chat.completions.create("gpt-5", SEA).text
        sandbox.faults.next("text", quirk="cut")
        pieces = []
        with opened(client, route) as stream, pytest.raises(sky.StreamInterruptedError) as caught:
            pieces.extend(stream)
        error = caught.value
        assert error.charged is None
        assert 10 < len(error.text) < len(whole)
        assert whole.startswith(error.text)
        assert error.text == stream.completion.text == "".join(piece.text for piece in pieces)
        assert error.completion.finish_reason is None
        assert error.completion.note == "Cut off before its end."
        assert pickle.loads(pickle.dumps(error)).text == error.text

    @ROUTES
    def test_an_error_in_the_middle_is_raised_typed(self, client, sandbox, route):
        sandbox.faults.next("text", quirk="error-midway")
        got = []
        with opened(client, route) as stream, pytest.raises(sky.ServerError) as caught:
            got.extend(stream)
        assert caught.value.error_id == "INTERNAL_ERROR"
        assert caught.value.request_id == "req_sandbox_stream"
        assert caught.value.charged is None
        assert stream.completion.text == "".join(piece.text for piece in got) != ""

    def test_another_models_name_does_not_change_the_price(self, client, sandbox):
        sandbox.faults.next("text", quirk="other-model")
        made = client.chat.completions.create("gpt-5", SEA)
        assert made.model != made.requested_model == "gpt-5"
        usage = made.usage
        assert made.cost == usage.input_tokens * Decimal("5e-7") + usage.output_tokens * Decimal("125e-8")

    def test_no_usage_is_no_cost_and_not_zero(self, client, sandbox):
        sandbox.faults.always("text", quirk="no-usage")
        assert client.chat.completions.create("gpt-5", SEA).cost is None
        assert streamed(client)[1].usage is None

    def test_all_went_into_reasoning_says_what_to_do(self, client, sandbox):
        sandbox.faults.next("text", quirk="length-empty")
        made = client.chat.completions.create("gpt-5", SEA, max_tokens=64)
        assert (made.text, made.finish_reason) == ("", "length")
        assert made.note.startswith("Cut off before the first word: raise max_tokens")
        assert "raise max_tokens" in repr(made)
        assert made.usage.reasoning_tokens == 64

    def test_filters_that_struck_are_typed_and_said(self, client, sandbox):
        sandbox.faults.next("text", quirk="filtered")
        made = client.chat.completions.create("gpt-5", SEA)
        assert [str(each) for each in made.filters if each.filtered] == ["violence: medium"]
        assert made.note == "The content filter cut it off (violence: medium)."
        sandbox.faults.next("text", quirk="filtered-prompt")
        assert (
            client.chat.completions.create("gpt-5", SEA).note
            == "The content filter flagged the prompt (violence: high)."
        )
        sandbox.faults.next("text", quirk="filtered-451")
        with pytest.raises(sky.ContentPolicyError) as caught:
            client.chat.completions.create("gpt-5", SEA)
        assert caught.value.charged is False

    @pytest.mark.parametrize("quirk", ["course-errors", "envelope-a"])
    def test_errors_of_any_shape_have_their_class(self, client, sandbox, quirk):
        sandbox.faults.always("text", quirk=quirk)
        with pytest.raises(sky.NotFoundError, match="gpt-5"):
            client.chat.completions.create("gpt5", SEA)

    def test_an_unknown_event_is_passed_through(self, client, sandbox):
        sandbox.faults.next("text", quirk="unknown-event")
        pieces, _ = streamed(client, "responses")
        (strange,) = [piece for piece in pieces if piece.type == "response.something.new"]
        assert (strange.text, strange.raw["type"]) == ("", "response.something.new")


def test_errors_say_code_and_param_and_request(client):
    with pytest.raises(sky.InvalidInputError) as caught:
        client.chat.completions.create("gpt-5", SEA, temperature=3)
    error = caught.value
    assert (error.code, error.param, error.error_id) == (
        "invalid_parameter",
        "temperature",
        "INVALID_PARAMETER",
    )
    assert error.request_id.startswith("req_")
    assert error.charged is False
    assert "temperature" in str(error)


@pytest.mark.parametrize(
    ("messages", "named"),
    [
        ("", "messages"),
        ([], "messages"),
        (None, "messages"),
        (5, "messages"),
        (["hello"], r"messages\[0\]"),
        ([{"content": "x"}], r"messages\[0\] has no role"),
        ([{"role": "user"}], r"messages\[0\] has no content"),
        ([{"role": "user", "content": " "}], r"messages\[0\] has no content"),
        ([{"role": "user", "content": []}], r"messages\[0\] has no content"),
        ([{"role": "user", "content": [object()]}], r"messages\[0\]\.content\[0\]"),
    ],
)
def test_messages_that_are_none_are_refused_before_anything_is_sent(client, sandbox, messages, named):
    with pytest.raises(sky.InvalidInputError, match=named) as caught:
        client.chat.completions.create("gpt-5", messages)
    assert caught.value.charged is False
    assert sandbox.log == []


@pytest.mark.parametrize(
    "params",
    [
        {"max_tokens": 0},
        {"max_tokens": True},
        {"n": -1},
        {"temperature": float("nan")},
        {"stream": "yes"},
        {"tools": tuple},
        {"tools": [5]},
        {"user": ...},
        {"timeout": 0},
    ],
    ids=str,
)
def test_parameters_that_cannot_be_are_refused_before_anything_is_sent(client, sandbox, params):
    with pytest.raises(sky.InvalidInputError):
        client.chat.completions.create("gpt-5", SEA, **params)
    assert sandbox.log == []


def test_a_stream_that_is_closed_keeps_what_came_and_says_nothing_more(client):
    stream = opened(client)
    first = next(stream)
    stream.close()
    stream.close()
    assert stream.closed
    assert list(stream) == []
    assert stream.completion.text.startswith(first.text)


def test_a_stream_is_read_in_one_place_at_a_time():
    with sky.Sandbox(seconds=1) as slow:

        async def main():
            client = slow.async_client()
            async with await client.chat.completions.create("gpt-5", SEA, stream=True) as stream:
                reader = asyncio.ensure_future(anext(stream))
                await asyncio.sleep(0)
                with pytest.raises(sky.SkytellsError, match="being read already"):
                    await anext(stream)
                assert isinstance(await reader, Piece)
            await client.close()

        asyncio.run(main())


def test_what_nobody_reads_is_read_to_its_end_all_the_same(client, sandbox):
    with sky.budget(1) as budget:
        stream = opened(client, max_tokens=200)
        sky.run(stream._source.whole())
        assert budget.spent == sandbox.billed_amount
        assert budget.reserved == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del stream
