"""Answers of text models: whatever JSON comes is a value, and what it says is found."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skytells_nb.api._deltas import ChatJoiner, ResponseJoiner
from skytells_nb.models import ChatCompletion, Embeddings, Response

SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=4)
NAMES = st.sampled_from(
    [
        "id",
        "choices",
        "message",
        "content",
        "tool_calls",
        "function",
        "index",
        "delta",
        "usage",
        "model",
        "output",
        "type",
        "text",
        "content_filters",
        "content_filter_results",
        "prompt_filter_results",
        "data",
        "embedding",
        "response",
        "output_index",
        "item",
        "finish_reason",
        "created",
        "arguments",
        "filtered",
    ]
)
BODIES = st.recursive(
    SCALARS, lambda each: st.lists(each, max_size=3) | st.dictionaries(NAMES, each, max_size=4), max_leaves=8
)
OBJECTS = st.dictionaries(NAMES, BODIES, max_size=6)


@settings(max_examples=60, deadline=None)
@given(OBJECTS)
def test_any_object_is_an_answer(raw):
    for kind in (ChatCompletion, Response, Embeddings):
        made = kind.from_api(raw)
        assert pickle.loads(pickle.dumps(made)) == made
        repr(made)
        if kind is not Embeddings:
            assert isinstance(made.text, str)
            assert made.note is None or made.note


@settings(max_examples=60, deadline=None)
@given(st.lists(OBJECTS, max_size=4))
def test_any_events_are_joined(events):
    for joiner, kind in ((ChatJoiner(), ChatCompletion), (ResponseJoiner(), Response)):
        text = ""
        for event in events:
            text += "".join(piece.text for piece in joiner.pieces(event))
            joiner.add(event)
        kind.from_api(joiner.raw())


@pytest.mark.parametrize(
    ("content", "text"),
    [(None, ""), ("", ""), ("Aye", "Aye"), ([{"text": "A"}, {"type": "text", "text": "ye"}], "Aye")],
)
def test_content_of_any_form_is_read(content, text):
    raw = {"choices": [{"message": {"content": content}, "finish_reason": "stop"}]}
    assert ChatCompletion.from_api(raw).text == text


def test_older_servers_forms_are_read():
    """Words in ``text``, one call in ``function_call``, counts as texts."""
    usage = {"prompt_tokens": "5", "completion_tokens": "7"}
    ended = {"choices": [{"text": "e", "finish_reason": "stop"}], "usage": usage}
    joiner = ChatJoiner()
    joiner.add({"id": "c", "choices": [{"text": "Ay"}]})
    joiner.add(ended)
    for raw, text in ((ended, "e"), (joiner.raw(), "Aye")):
        made = ChatCompletion.from_api(raw)
        assert (made.text, made.usage.total_tokens) == (text, 12)
    called = {"choices": [{"message": {"function_call": {"name": "f", "arguments": '{"x": 1}'}}}]}
    assert [(call.name, call.parsed) for call in ChatCompletion.from_api(called).tool_calls] == [
        ("f", {"x": 1})
    ]


def test_unknown_reasons_and_filters_are_kept():
    raw = {
        "choices": [
            {
                "message": {"content": "x"},
                "finish_reason": "tired",
                "content_filter_results": {"sarcasm": {"filtered": True, "severity": "high"}},
            }
        ]
    }
    made = ChatCompletion.from_api(raw)
    assert made.finish_reason == "tired"
    assert made.note == "The content filter flagged the completion (sarcasm: high)."


def test_a_message_is_found_behind_other_items():
    output = [
        {"type": "reasoning", "summary": []},
        {"type": "message", "content": [{"type": "output_text", "text": "Aye"}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{"},
    ]
    made = Response.from_api({"id": "r", "status": "completed", "output": output})
    assert made.text == "Aye"
    assert [(call.id, call.name) for call in made.tool_calls] == [("c1", "f")]


def test_a_response_that_was_cut_says_so():
    raw = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}, "output": []}
    made = Response.from_api(raw)
    assert made.finish_reason == "length"
    assert made.note.startswith("Cut off before the first word: raise max_output_tokens")
    usage = {"output_tokens": 64, "output_tokens_details": {"reasoning_tokens": 64}}
    thought = Response.from_api({"status": "completed", "output": [], "usage": usage})
    assert (thought.finish_reason, thought.note) == ("length", made.note)
    assert Response.from_api({"status": "completed", "output": []}).note.startswith("It is empty")


def test_vectors_are_put_in_order_of_their_index():
    data = [{"index": 1, "embedding": [0.0, 1.0]}, {"index": 0, "embedding": "AAAAPwAAgL4AAAA+"}]
    made = Embeddings.from_api({"data": data}, input={"input": ["a", "b", "c", "d"]})
    assert made.vectors == ((0.5, -0.25, 0.125), (0.0, 1.0), (), ())
    assert made.to_numpy().shape == made.to_pandas().shape == (4, 3)
    assert made.to_pandas().loc["b"].tolist()[:2] == [0, 1]
    alone = [{"index": 1, "embedding": "AAAAPwAA\ngL4AAAA+"}]
    found = Embeddings.from_api({"data": alone, "usage": {"total_tokens": 3}}, input={"input": ["a", "b"]})
    assert found.vectors == ((), (0.5, -0.25, 0.125))
    assert (found.usage.input_tokens, found.usage.output_tokens) == (3, 0)
    first = {"data": [{"index": 0, "embedding": [1.0]}]}
    assert [len(Embeddings.from_api(first, input={"input": n})) for n in ([7, 8], [[7, 8], [9]])] == [1, 2]


def test_a_filter_that_struck_once_did_so_for_the_whole_stream():
    struck = {"violence": {"filtered": True, "severity": "high"}}
    safe = {"violence": {"filtered": False, "severity": "safe"}}
    joiner = ChatJoiner()
    for text, said in (("a", safe), ("b", struck), ("c", safe)):
        joiner.add({"choices": [{"index": 0, "delta": {"content": text}, "content_filter_results": said}]})
    assert joiner.raw()["choices"][0]["content_filter_results"] == struck


def test_pieces_are_joined_whatever_they_bear():
    """Calls of one index, halves of a letter, and fields that nobody here knows."""
    deltas = [
        {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}}]},
        {"tool_calls": [{"index": 0, "id": "a", "function": {"arguments": "}"}}]},
        {"tool_calls": [{"index": 0, "id": "b", "function": {"name": "g", "arguments": '{"x"'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]},
        {"reasoning": "hm ", "function_call": {"arguments": "{"}},
        {"reasoning": "hm", "function_call": {"arguments": "}"}},
        {"content": "\ud83e"},
        {"content": "\udd8a"},
    ]
    joiner = ChatJoiner()
    for number, delta in enumerate(deltas):
        choice = {"index": 0, "delta": delta, "logprobs": {"content": [number]}}
        joiner.add({"id": "c" if number else "", "choices": [choice]})
    raw = joiner.raw()
    made, message = ChatCompletion.from_api(raw), raw["choices"][0]["message"]
    assert [(call.id, call.name, call.parsed) for call in made.tool_calls] == [
        ("a", "f", {}),
        ("b", "g", {"x": 1}),
    ]
    assert (made.id, made.text, message["reasoning"]) == ("c", "\N{FOX FACE}", "hm hm")
    assert message["function_call"] == {"arguments": "{}"}
    assert raw["choices"][0]["logprobs"] == {"content": list(range(8))}


def test_a_text_that_comes_only_when_it_is_done_is_kept():
    joiner = ResponseJoiner()
    joiner.add({"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "Aye"})
    joiner.add({"type": "response.completed", "response": {"id": "r", "status": "completed", "output": []}})
    assert Response.from_api(joiner.raw()).text == "Aye"
