"""What people have, as the routes of text models take it: pictures, completions, numpy's scalars."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

import skytells_nb as sky
from skytells_nb.api._text_requests import chat, embeddings, responses
from skytells_nb.models import ChatCompletion


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "fox.png"
    Image.new("RGB", (2, 2), "red").save(path)
    return path


def sent(request):
    return json.loads(request.request.body)


def parts(*content, build=chat):
    body = sent(build("gpt-5", [{"role": "user", "content": list(content)}]))
    return body["messages" if build is chat else "input"][0]["content"]


def test_a_text_is_what_the_user_says():
    assert sent(chat("gpt-5", "hi")) == {
        "model": "gpt-5",
        "messages": [{"role": "user", "content": "hi"}],
    }
    assert sent(responses("gpt-5", "hi"))["input"] == "hi"


def test_the_systems_words_and_a_limit_are_what_the_route_calls_them():
    said = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]
    bodies = (
        sent(build("m", "hi", system="Be brief.", **{limit: 9}))
        for build, limit in ((chat, "max_output_tokens"), (responses, "max_tokens"))
    )
    assert [*bodies] == [
        {"model": "m", "messages": said, "max_tokens": 9},
        {"model": "m", "input": said, "max_output_tokens": 9},
    ]


def test_a_path_a_picture_and_bytes_are_what_the_route_takes(picture):
    image = Image.open(picture)
    for one in (picture, str(picture), image, np.asarray(image), picture.read_bytes()):
        text, found = parts("What is it?", one)
        assert text == {"type": "text", "text": "What is it?"}
        assert found["type"] == "image_url"
        assert found["image_url"]["url"].startswith("data:image/png;base64,")
        text, found = parts("What is it?", one, build=responses)
        assert text == {"type": "input_text", "text": "What is it?"}
        assert found["type"] == "input_image"
        assert found["image_url"].startswith("data:image/png;base64,")


def test_a_picture_alone_and_one_within_a_part_are_taken(picture):
    body = sent(chat("gpt-5", [{"role": "user", "content": picture}]))
    assert body["messages"][0]["content"][0]["type"] == "image_url"
    part = {"type": "image_url", "image_url": {"url": str(picture), "detail": "low"}}
    (found,) = parts(part)
    assert found["image_url"]["url"].startswith("data:image/png")
    assert found["image_url"]["detail"] == "low"
    assert part["image_url"]["url"] == str(picture)  # what was given is as it was
    (found,) = parts({"type": "image_url", "image_url": picture})
    assert found["image_url"]["url"].startswith("data:image/png")


def test_a_prediction_is_its_picture_and_one_of_text_its_text(tmp_path):
    with sky.Sandbox(transport="inprocess", seconds=0) as sandbox, sandbox.client() as client:
        fox = client.predictions.create("truefusion-edge", {"prompt": "a fox"})
        made = client.chat.completions.create("gpt-5", [{"role": "user", "content": ["A name?", fox]}])
        assert "1 picture" in made.text
        address = made.input["messages"][0]["content"][1]["image_url"]["url"]
        assert address.startswith(("http://127.0.0.1", "data:image/"))


def test_addresses_and_unknown_parts_are_passed_through():
    known = {"type": "image_url", "image_url": {"url": "https://example.org/tug.jpg"}}
    assert parts(known, {"type": "sound", "data": "AAAA"}) == [known, {"type": "sound", "data": "AAAA"}]


@pytest.mark.parametrize("name", ["notes.txt", "fox.png"])
def test_a_picture_that_is_none_is_refused(tmp_path, name):
    path = tmp_path / name
    if name == "notes.txt":
        path.write_text("no picture at all")
    with pytest.raises(sky.InvalidInputError) as caught:
        parts("What is it?", path)
    assert caught.value.charged is False


def test_a_completion_stands_for_its_message():
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    raw = {"id": "x", "choices": [{"message": {"content": None, "tool_calls": [call]}}]}
    asked = ChatCompletion.from_api(raw)
    body = sent(chat("gpt-5", [{"role": "user", "content": "hi"}, asked]))
    assert body["messages"][1] == {"role": "assistant", "content": None, "tool_calls": [call]}


def test_other_items_of_a_response_are_passed_through():
    items = [
        {"role": "user", "content": "hi"},
        {"type": "function_call_output", "call_id": "c", "output": "1"},
    ]
    assert sent(responses("gpt-5", items))["input"] == items


def test_scalars_of_numpy_and_unknown_parameters_are_passed_on():
    body = sent(chat("gpt-5", "hi", max_tokens=np.int64(5), temperature=np.float32(0.5), shiny=True))
    assert (body["max_tokens"], body["temperature"], body["shiny"]) == (5, 0.5, True)


def test_a_stream_asks_for_its_usage_unless_told_otherwise():
    request = chat("gpt-5", "hi", stream=True)
    assert sent(request)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in json.loads(request.plainer.body)
    own = chat("gpt-5", "hi", stream=True, stream_options={"include_usage": False})
    assert sent(own)["stream_options"] == {"include_usage": False}
    assert own.plainer is None


@pytest.mark.parametrize("given", ["a fox", ["a fox", "a hen"], [1, 2], [[1], [2, 3]]])
def test_texts_and_token_ids_are_embedded(given):
    assert sent(embeddings("e", given))["input"] == given


@pytest.mark.parametrize(
    "given", ["", " ", [], [""], [1, "a"], {"a": 1}, [[]], None, 5, [True], b"ab"], ids=repr
)
def test_what_is_no_text_is_not_embedded(given):
    with pytest.raises(sky.InvalidInputError) as caught:
        embeddings("e", given)
    assert caught.value.charged is False


@pytest.mark.parametrize("model", [None, "", "  ", 5])
def test_a_model_has_a_name(model):
    with pytest.raises(sky.InvalidInputError, match="model must be"):
        chat(model, "hi")


@pytest.mark.parametrize(
    "text", ["\ud800", {"a": object()}, float("inf")], ids=["half a letter", "object", "infinity"]
)
def test_what_no_json_can_hold_is_refused(text):
    with pytest.raises(sky.InvalidInputError):
        chat(
            "gpt-5",
            [{"role": "user", "content": "hi", "name": text if isinstance(text, str) else "x"}],
            x=text,
        )


def test_a_model_that_is_not_for_text_says_what_it_is_for():
    with sky.Sandbox(transport="inprocess", seconds=0) as sandbox, sandbox.client() as client:
        with pytest.raises(sky.InvalidInputError, match=r"client\.predictions\.create"):
            client.chat.completions.create("truefusion", "hi")
        with pytest.raises(sky.InvalidInputError, match=r"client\.embeddings\.create"):
            client.chat.completions.create("skytells-embed-3-small", "hi")
        with pytest.raises(sky.InvalidInputError, match=r"client\.chat\.completions\.create"):
            client.embeddings.create("gpt-5", "hi")
        with pytest.raises(sky.InvalidInputError, match=r"client\.chat\.completions\.create"):
            client.predictions.create("gpt-5", {"prompt": "hi"})
        with pytest.raises(sky.NotFoundError, match="gpt-5"):
            client.chat.completions.create("gpt5", "hi")
        with pytest.raises(sky.InvalidInputError, match=r"more than"):
            client.chat.completions.create("gpt-5", "x" * 600_000)
        assert sandbox.billed == 0


def test_a_parameter_that_is_a_slip_is_told_and_others_are_passed_on():
    slip, told = {"prompt": "hi", "temprature": 1}, "Did you mean 'temperature'"
    with sky.Sandbox(transport="inprocess", seconds=0) as sandbox, sandbox.client(archive=False) as client:
        with pytest.warns(sky.SkytellsWarning, match=told):
            client.chat.completions.create("gpt-5", "hi", temprature=1)
        client.chat.completions.create("gpt-5", "hi", thinking_budget=1)
        assert sandbox.billed == 2
        for refused in (
            lambda: sky.batch("gpt-5", [slip], client=client, progress=False),
            lambda: sky.compare("gpt-5", "hi", inputs={"temprature": 1}, client=client),
            lambda: sky.estimate("gpt-5", slip, client=client),
            lambda: sky.Chat("gpt-5", client=client, temprature=1),
        ):
            with pytest.raises(sky.InvalidInputError, match=told):
                refused()
        assert sandbox.billed == 2
