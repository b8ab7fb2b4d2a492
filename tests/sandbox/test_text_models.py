"""Text models: chat, responses and embeddings, as their pages and the official openai client have them."""

import asyncio
import base64
import json
import struct
from decimal import Decimal

import httpx
import pytest

from skytells_nb.sandbox import ConnectionDroppedError, InProcess, NeverAnsweredError, Server
from skytells_nb.sandbox._options import QUIRKS

HELLO = [{"role": "user", "content": "Why is the sea blue?"}]
TIDE = {
    "type": "function",
    "function": {
        "name": "tide_at",
        "parameters": {"type": "object", "properties": {"port": {"type": "string"}}, "required": ["port"]},
    },
}


@pytest.fixture(scope="module")
def server():
    with Server(seconds=0) as server:
        yield server


@pytest.fixture
def ask(talk):
    """Post to a text route of a core."""

    def post(path, body, query="", **options):
        api = talk(seconds=0, **options)
        return api.ask("POST", f"/v1/{path}{query}", body)

    return post


def chat(ask, messages=HELLO, model="gpt-5", **body):
    options = {name: body.pop(name) for name in ("quirks",) if name in body}
    return ask("chat/completions", {"model": model, "messages": messages, **body}, **options)


def events(reply):
    """Read a stream's events as a strict reader of the format does."""
    assert reply.headers["content-type"].startswith("text/event-stream")
    text = b"".join(piece for _, piece in reply.answer.pieces).decode()
    lines = text.replace("\r\n", "\n").split("\n")
    data = [line[5:].removeprefix(" ") for line in lines if line.startswith("data:")]
    return [each if each == "[DONE]" else json.loads(each) for each in data]


def words(chunks):
    return "".join(
        choice["delta"].get("content") or ""
        for chunk in chunks
        if chunk != "[DONE]"
        for choice in chunk["choices"]
    )


class TestOpenAI:
    """The official package, unmodified, with base_url and key of the sandbox."""

    @pytest.fixture
    def openai(self):
        import openai  # a second and a half that no other process of the suite need wait for

        return openai

    @pytest.fixture
    def client(self, server, openai):
        with openai.OpenAI(base_url=server.url, api_key=server.api_key, max_retries=0) as client:
            yield client

    def test_chat(self, client, server):
        before = server.billed_amount
        made = client.chat.completions.create(model="gpt-5", messages=HELLO)
        assert "sandbox" in made.choices[0].message.content
        assert "sea" in made.choices[0].message.content
        assert (made.choices[0].finish_reason, made.model) == ("stop", "gpt-5")
        assert made.usage.total_tokens == made.usage.prompt_tokens + made.usage.completion_tokens
        cost = (
            made.usage.prompt_tokens * Decimal("0.5") + made.usage.completion_tokens * Decimal("1.25")
        ) / 10**6
        assert server.billed_amount - before == cost

    def test_chat_streamed(self, client):
        whole = client.chat.completions.create(model="gpt-5", messages=HELLO).choices[0].message.content
        options = {"include_usage": True}
        stream = client.chat.completions.create(
            model="gpt-5", messages=HELLO, stream=True, stream_options=options
        )
        with stream:
            chunks = list(stream)
        assert "".join(each.delta.content or "" for chunk in chunks for each in chunk.choices) == whole
        assert chunks[-1].usage.completion_tokens > 0
        assert len({chunk.id for chunk in chunks}) == 1

    def test_a_tool_is_called_and_its_result_is_used(self, client):
        messages = [{"role": "user", "content": "Tides for Brest?"}]
        with client.chat.completions.stream(model="gpt-5", messages=messages, tools=[TIDE]) as stream:
            for _ in stream:
                pass
            message = stream.get_final_completion().choices[0].message
        (call,) = message.tool_calls
        assert json.loads(call.function.arguments) == {"port": "Brest"}
        result = {"role": "tool", "tool_call_id": call.id, "content": "06:12"}
        again = client.chat.completions.create(
            model="gpt-5", messages=[*messages, message.model_dump(exclude_none=True), result], tools=[TIDE]
        )
        assert "06:12" in again.choices[0].message.content

    def test_responses_and_their_parents(self, client, openai):
        first = client.responses.create(model="skytells-3", input="My bird is the flamingo.", store=True)
        assert (first.status, first.model) == ("completed", "skytells-3")
        second = client.responses.create(
            model="skytells-3", input="Which bird?", previous_response_id=first.id
        )
        assert "flamingo" in second.output_text
        with pytest.raises(openai.BadRequestError) as refused:
            client.responses.create(model="skytells-3", input="x", previous_response_id=second.id)
        assert (refused.value.code, refused.value.param) == ("invalid_parameter", "previous_response_id")

    def test_responses_streamed(self, client):
        whole = client.responses.create(model="skytells-3", input="Why is the sea blue?").output_text
        with client.responses.stream(model="skytells-3", input="Why is the sea blue?") as stream:
            kinds = [event.type for event in stream]
            assert stream.get_final_response().output_text == whole
        assert kinds[:4] == [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
        ]
        assert kinds[-1] == "response.completed"

    def test_a_response_may_call_a_tool_in_either_form(self, client):
        flat = {"type": "function", **TIDE["function"]}
        for tool in (flat, TIDE):
            made = client.responses.create(model="skytells-3", input="Tides of Brest?", tools=[tool])
            (call,) = made.output
            assert (call.type, call.name) == ("function_call", "tide_at")
        result = {"type": "function_call_output", "call_id": call.call_id, "output": "06:12"}
        asked = [{"role": "user", "content": "Tides of Brest?"}, call.model_dump(), result]
        assert "06:12" in client.responses.create(model="skytells-3", input=asked, tools=[flat]).output_text

    def test_embeddings(self, client):
        texts = ["a red fox in snow", "red foxes and snow", "tax law for companies"]
        made = client.embeddings.create(model="skytells-embed-3-small", input=texts)
        fox, foxes, law = (each.embedding for each in made.data)
        assert len(fox) == 1536
        assert similar(fox, foxes) > 2 * similar(fox, law)
        short = client.embeddings.create(model="skytells-embed-3-large", input="a fox", dimensions=8)
        assert len(short.data[0].embedding) == 8

    @pytest.mark.parametrize(
        ("key", "model", "error"),
        [
            ("wrong", "gpt-5", "AuthenticationError"),
            ("sk-rate-limited", "gpt-5", "RateLimitError"),
            ("sk-a", "gpt-0", "NotFoundError"),
            ("sk-a", "truefusion", "BadRequestError"),
            ("sk-a", "skytells-embed-3-small", "BadRequestError"),
        ],
    )
    def test_errors_have_the_shape_of_these_routes(self, server, openai, key, model, error):
        with (
            openai.OpenAI(base_url=server.url, api_key=key, max_retries=0) as client,
            pytest.raises(getattr(openai, error)) as caught,
        ):
            client.chat.completions.create(model=model, messages=HELLO)
        assert {"message", "type", "code", "error_id", "status", "param", "request_id"} <= set(
            caught.value.body
        )

    def test_the_asyncio_client_streams_too(self, server, openai):
        async def main():
            async with openai.AsyncOpenAI(base_url=server.url, api_key="sk-a", max_retries=0) as client:
                stream = await client.chat.completions.create(model="gpt-5-nano", messages=HELLO, stream=True)
                chunks = [chunk async for chunk in stream if chunk.choices]
                return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

        assert "sandbox" in asyncio.run(main())


def similar(one, other):
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_either_header_lets_in_and_the_console_token_does_not(talk):
    api = talk(seconds=0)
    body = {"model": "gpt-5", "messages": HELLO}
    for headers, status in [
        ({"x_api_key": "sk-a"}, 200),
        ({"x_api_key": "", "authorization": "Bearer sk_live_a"}, 200),
        ({"x_api_key": ""}, 401),
        ({"x_api_key": "sk_pat_" + "a" * 64}, 401),
    ]:
        assert api.ask("POST", "/v1/chat/completions", body, **headers).status == status


def test_what_was_said_before_is_remembered(ask):
    messages = [
        {"role": "user", "content": "My colour is indigo."},
        {"role": "assistant", "content": "Noted."},
        {"role": "user", "content": "Which colour?"},
    ]
    assert "indigo" in chat(ask, messages).json["choices"][0]["message"]["content"]


def test_the_same_question_has_the_same_answer_and_another_variant_for_each_choice(ask):
    one, two = (chat(ask, n=3).json["choices"] for _ in range(2))
    assert [each["message"] for each in one] == [each["message"] for each in two]
    assert [each["index"] for each in one] == [0, 1, 2]


def test_choices_of_a_stream_come_in_turns(ask):
    chunks = events(chat(ask, n=2, stream=True))
    order = [choice["index"] for chunk in chunks[:-1] for choice in chunk["choices"]]
    assert order[:6] == [0, 1, 0, 1, 0, 1]


def test_a_router_names_the_model_that_answered_and_bills_its_own_price(talk):
    api = talk(seconds=0)
    made = api.ask("POST", "/v1/chat/completions", {"model": "deepbrain-router", "messages": HELLO}).json
    assert made["model"] != "deepbrain-router"
    usage = made["usage"]
    (billed,) = api.core.billed.values()
    assert billed == (usage["prompt_tokens"] * Decimal("0.4") + usage["completion_tokens"]) / 10**6


def test_an_answer_is_cut_where_the_tokens_end(ask):
    made = chat(ask, max_tokens=8).json
    assert made["choices"][0]["finish_reason"] == "length"
    assert made["usage"]["completion_tokens"] == 8
    assert ask("responses", {"model": "skytells-3", "input": "hi", "max_output_tokens": 32}).json[
        "status"
    ] == ("completed")


def test_a_stop_word_ends_it_and_json_is_json(ask):
    assert "sea" not in chat(ask, stop=["sea"]).json["choices"][0]["message"]["content"]
    asked = [{"role": "user", "content": "Write five prompts about owls in winter."}]
    text = chat(ask, asked, response_format={"type": "json_object"}).json["choices"][0]["message"]["content"]
    written = json.loads(text)
    assert len(written["prompts"]) == 5
    assert all("owls" in each for each in written["prompts"])
    assert "sandbox" in written["note"]


def test_an_answer_can_fit_a_schema(ask):
    schema = {
        "type": "object",
        "properties": {
            "names": {"type": "array", "items": {"type": "string"}, "minItems": 2},
            "kind": {"enum": ["bird", "fish"]},
            "count": {"type": "integer", "minimum": 3},
            "weight": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        },
    }
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    text = chat(ask, response_format=form).json["choices"][0]["message"]["content"]
    found = json.loads(text)
    assert (len(found["names"]), found["kind"], found["count"]) == (2, "bird", 3)


def test_pictures_are_taken_in_both_spellings_and_counted(ask):
    parts = [
        {"type": "text", "text": "A name?"},
        {"type": "image_url", "image_url": {"url": "https://example.org/tug.jpg", "detail": "low"}},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
    ]
    made = chat(ask, [{"role": "user", "content": parts}]).json
    assert "2 pictures" in made["choices"][0]["message"]["content"]
    assert made["usage"]["prompt_tokens"] > 170


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"role": "pirate", "content": "x"}]}, "messages[0]"),
        ({"messages": [{"role": "user"}]}, "messages[0]"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "sound"}]}]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": 5}]}]}, "messages[0]"),
        ({"temperature": 3}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": -1}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"n": 0}, "n"),
        ({"stop": 5}, "stop"),
        ({"stream": "yes"}, "stream"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"tools": [{"type": "function"}]}, "tools[0]"),
        ({"tools": [TIDE], "tool_choice": {"type": "function", "function": {"name": "no"}}}, "tool_choice"),
        ({"response_format": {"type": "xml"}}, "response_format"),
        ({"model": None}, "model"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_its_name_and_not_billed(talk, body, param):
    api = talk(seconds=0)
    reply = api.ask("POST", "/v1/chat/completions", {"model": "gpt-5", "messages": HELLO, **body})
    assert (reply.status, reply.error_id) == (400, "INVALID_PARAMETER")
    assert reply.json["error"]["param"] == param
    assert set(reply.json) == {"error"}
    assert not api.core.billed


@pytest.mark.parametrize("given", [[], "", [""], [1, "a"], {"a": 1}, [[]], None, ["x" * 40_000]])
def test_what_is_no_text_is_not_embedded(ask, given):
    reply = ask("embeddings", {"model": "skytells-embed-3-small", "input": given})
    assert reply.json["error"]["param"].startswith("input")


def test_vectors_come_as_numbers_or_as_base64_and_from_token_ids(ask):
    body = {"model": "skytells-embed-3-small", "input": [[1, 2, 3], [4]], "dimensions": 4}
    numbers = ask("embeddings", body).json
    packed = ask("embeddings", {**body, "encoding_format": "base64"}).json
    assert numbers["usage"] == {"prompt_tokens": 4, "total_tokens": 4}
    for one, other in zip(numbers["data"], packed["data"], strict=True):
        values = struct.unpack("<4f", base64.b64decode(other["embedding"]))
        assert values == pytest.approx(one["embedding"])


def test_what_is_no_schema_no_tool_and_no_id_is_refused(ask):
    wrong = {"type": "json_schema", "json_schema": {"schema": {"type": "integer", "minimum": "a"}}}
    for route, given, param in (
        ("chat/completions", {"messages": HELLO, "response_format": wrong}, None),
        ("chat/completions", {"messages": HELLO, "tools": [1]}, "tools[0]"),
        ("responses", {"input": "hi", "previous_response_id": []}, "previous_response_id"),
    ):
        reply = ask(route, {"model": "gpt-5", **given})
        assert (reply.status, reply.json["error"]["error_id"], reply.json["error"]["param"]) == (
            400, "INVALID_PARAMETER", param,
        )  # fmt: skip


def test_a_prompt_beyond_the_context_is_refused(ask):
    reply = chat(ask, [{"role": "user", "content": "x" * 600_000}])
    assert (reply.status, reply.error_id) == (400, "context_length_exceeded")


def test_a_learners_budget_holds_for_text_too(talk):
    api = talk(learners=1, budget="0.0001", seconds=0)
    key = {"x_api_key": api.core.state.learners[0].key}
    body = {"model": "gpt-5", "messages": HELLO}
    statuses = [api.ask("POST", "/v1/chat/completions", body, **key).status for _ in range(3)]
    assert statuses[0] == 200
    assert statuses[-1] == 402


def test_a_stored_response_is_its_owners_alone(talk):
    api = talk(learners=2, seconds=0)
    one, two = ({"x_api_key": each.key} for each in api.core.state.learners)
    body = {"model": "skytells-3", "input": "hi", "store": True}
    id = api.ask("POST", "/v1/responses", body, **one).json["id"]
    follow = {"model": "skytells-3", "input": "and?", "previous_response_id": id}
    assert api.ask("POST", "/v1/responses", follow, **two).status == 400
    assert api.ask("POST", "/v1/responses", follow, **one).status == 200


def test_the_bill_outlives_the_process(tmp_path, clock):
    path = tmp_path / "state.db"
    body = json.dumps({"model": "gpt-5", "messages": HELLO}).encode()
    ids = []
    for _ in range(2):
        with InProcess(state=path, clock=clock, seconds=0) as sandbox:
            key = {"x-api-key": sandbox.api_key}
            answer = asyncio.run(sandbox.handle("POST", "/v1/chat/completions", key, body))[2]
            ids.append(json.loads(answer)["id"])
            assert sandbox.billed == len(ids)
            clock.forward(1)
    assert len(set(ids)) == 2


def test_a_stream_is_paced_and_its_whole_answer_as_late(talk):
    body = {"model": "gpt-5", "messages": HELLO}
    whole = talk(speed=2).ask("POST", "/v1/chat/completions", body)
    pieces = talk(speed=2).ask("POST", "/v1/chat/completions?stream=true", body).answer.pieces
    assert whole.answer.after == pytest.approx(sum(late for late, _ in pieces), rel=0.3)
    assert {late for late, _ in pieces[:-1]} == {0.01}


def test_a_text_model_is_no_prediction(talk):
    reply = talk().create("gpt-5")
    assert (reply.status, reply.error_id) == (422, "MODEL_NOT_SUPPORTED")
    assert "/v1/chat/completions" in reply.details


class TestQuirks:
    """What a client of text models must survive, each switched on by name."""

    def test_whatever_the_writing_the_words_are_the_same(self, ask):
        plain = words(events(chat(ask, stream=True)))
        for quirk in (
            "split",
            "crlf",
            "no-space",
            "comments",
            "no-done",
            "unknown-event",
            "usage-everywhere",
        ):
            found = events(chat(ask, stream=True, quirks=[quirk]))
            assert words(found) == plain, quirk
            assert (found[-1] == "[DONE]") is (quirk != "no-done")

    def test_split_cuts_inside_characters_and_line_ends(self, ask):
        asked = [{"role": "user", "content": "⚓ " * 40}]
        pieces = [piece for _, piece in chat(ask, asked, stream=True, quirks=["split", "crlf"]).answer.pieces]
        assert max(map(len, pieces)) <= 7
        assert any(piece.endswith(b"\r") for piece in pieces)
        broken = [piece for piece in pieces if not is_text(piece)]
        assert broken

    def test_all_of_the_tokens_went_into_reasoning(self, ask):
        made = chat(ask, max_tokens=64, quirks=["length-empty"]).json
        assert made["choices"][0]["message"]["content"] == ""
        assert made["choices"][0]["finish_reason"] == "length"
        assert made["usage"]["completion_tokens_details"]["reasoning_tokens"] == 64

    def test_content_may_be_parts_and_usage_may_be_missing(self, ask):
        made = chat(ask, quirks=["content-parts", "no-usage", "other-model"]).json
        assert made["choices"][0]["message"]["content"][0]["type"] == "text"
        assert "usage" not in made
        assert made["model"] != "gpt-5"

    def test_filters_strike(self, ask):
        made = chat(ask, quirks=["filtered"]).json["choices"][0]
        assert made["finish_reason"] == "content_filter"
        assert made["content_filter_results"]["violence"]["filtered"]
        flagged = chat(ask, quirks=["filtered-prompt"]).json["prompt_filter_results"][0]
        assert flagged["content_filter_results"]["violence"]["filtered"]
        refused = chat(ask, quirks=["filtered-451"])
        assert (refused.status, refused.error_id) == (451, "CONTENT_POLICY_VIOLATION")

    def test_errors_have_other_shapes(self, ask):
        course = chat(ask, model="gpt-0", quirks=["course-errors"]).json
        assert course["error"]["type"] == "InferenceError"
        assert course["error"]["error_id"] == "model_not_found"
        assert chat(ask, model="gpt-0", quirks=["envelope-a"]).json["status"] is False

    def test_a_json_body_may_come_for_a_stream_and_stream_options_be_refused(self, ask):
        assert chat(ask, stream=True, quirks=["json-for-stream"]).json["object"] == "chat.completion"
        refused = chat(ask, stream=True, stream_options={}, quirks=["stream-options-refused"])
        assert refused.json["error"]["param"] == "stream_options"

    def test_an_error_comes_in_the_middle_and_ends_it(self, ask):
        found = events(chat(ask, stream=True, quirks=["error-midway"]))
        assert found[-1]["error"]["error_id"] == "INTERNAL_ERROR"
        assert words(found[:-1])

    def test_silence_comes_before_the_first_event_and_in_the_middle(self, ask):
        pieces = chat(ask, stream=True, quirks=["slow"]).answer.pieces
        assert [late for late, _ in pieces if late] == [2.0, 2.0]

    def test_every_quirk_is_known_by_option_and_by_fault(self, talk):
        for quirk in QUIRKS:
            api = talk(seconds=0, quirks=[quirk])
            api.faults.next("text", quirk=quirk)
            assert api.ask("POST", "/v1/responses", {"model": "gpt-5", "input": "hi"}).status in (200, 451)
        with pytest.raises(ValueError, match="choose some of"):
            Server(quirks=["nonsense"])
        with pytest.raises(ValueError, match="cannot have"):
            talk().faults.next("text", quirk="nonsense")

    def test_over_a_socket_a_cut_stream_breaks_off_and_an_open_one_stays(self, serve):
        server = serve(seconds=0)
        body = {"model": "gpt-5", "messages": HELLO, "stream": True}
        with httpx.Client(headers={"x-api-key": "sk-a"}, timeout=0.5) as client:
            for quirk, error in (("cut", httpx.RemoteProtocolError), ("stays-open", httpx.ReadTimeout)):
                server.faults.next("text", quirk=quirk)
                got = []
                with (
                    client.stream("POST", f"{server.url}/chat/completions", json=body) as answer,
                    pytest.raises(error),
                ):
                    got.extend(answer.iter_bytes())
                assert answer.status_code == 200

    def test_in_process_they_are_exceptions(self):
        sandbox = InProcess(seconds=0)
        body = json.dumps({"model": "gpt-5", "messages": HELLO, "stream": True}).encode()

        async def read(got):
            key = {"x-api-key": "sk-a"}
            _, _, pieces = await sandbox.handle("POST", "/v1/chat/completions", key, body)
            async for piece in pieces:
                got.append(piece)

        for quirk, error in (("cut", ConnectionDroppedError), ("stays-open", NeverAnsweredError)):
            sandbox.faults.next("text", quirk=quirk)
            got = []
            with pytest.raises(error):
                asyncio.run(read(got))
            assert got


def is_text(piece):
    try:
        piece.decode()
    except UnicodeDecodeError:
        return False
    return True
