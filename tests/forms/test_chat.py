"""`Chat`: what is asked, answered, edited and stopped, and what it cost."""

from __future__ import annotations

import ast
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import skytells_nb as sky
from skytells_nb.exceptions import InvalidInputError, NotFoundError

NOW = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[sky.Sandbox]:
    with sky.Sandbox(transport="inprocess", seconds=0) as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox: sky.Sandbox) -> Iterator[sky.Client]:
    with sandbox.client() as client:
        yield client


@pytest.fixture
def chat(client: sky.Client) -> sky.Chat:
    return sky.Chat("gpt-5", system="Be brief.", client=client, temperature=0.2)


def press(chat: sky.Chat, words: str) -> None:
    """Press one of its buttons, as the front end does."""
    (button,) = [each for each in every(chat) if getattr(each, "description", None) == words]
    button.click()


def every(widget: Any) -> list[Any]:
    return [widget, *(found for child in getattr(widget, "children", ()) for found in every(child))]


def page(chat: sky.Chat) -> str:
    return "".join(str(getattr(each, "value", "")) for each in every(chat))


def test_a_conversation_is_sent_whole_each_time(chat, sandbox):
    first = chat.ask("My colour is indigo.")
    second = chat.ask("Which?")
    assert [m["role"] for m in chat.messages] == ["system", "user", "assistant", "user", "assistant"]
    assert chat.messages[2]["content"] == first.text
    assert second.input["messages"] == chat.messages[:4]
    assert second.input["temperature"] == 0.2
    assert chat.answers == [first, second]
    assert chat.cost == first.cost + second.cost


def test_what_is_typed_is_sent_and_shown(chat):
    chat._box.value = "Why is <b>the sea</b> blue?"
    press(chat, "Send")
    chat.wait()
    assert chat._box.value == ""
    assert "Why is &lt;b&gt;the sea&lt;/b&gt; blue?" in page(chat)
    assert "You asked" in page(chat)
    assert "This conversation so far" in page(chat)
    press(chat, "Send")
    assert len(chat.answers) == 1, "nothing stands in the box"


def test_an_edited_question_takes_the_conversation_back(chat):
    paid = [chat.ask(text).cost for text in ("one", "two", "three")]
    chat.edit(1, "two and a half")
    chat.wait()
    assert [m["content"] for m in chat.messages if m["role"] == "user"] == ["one", "two and a half"]
    assert chat.cost == sum(paid) + chat.answers[-1].cost, "what was edited away was paid for"
    first = next(each for each in every(chat) if getattr(each, "description", None) == "Edit")
    first.click()
    assert chat._box.value == "one"
    chat._box.value = "uno"
    press(chat, "Send again from here")
    chat.wait()
    assert [m["content"] for m in chat.messages if m["role"] == "user"] == ["uno"]


def test_a_limit_and_a_pictures_address_are_sent_in_the_words_of_the_route(client):
    chat = sky.Chat("gpt-5.3-codex", client=client, max_tokens=64)
    sent = chat.ask("What is this?", ["https://example.org/fox.png"]).input
    assert sent["max_output_tokens"] == 64
    picture = {"type": "input_image", "image_url": "https://example.org/fox.png"}
    assert sent["input"][0]["content"][1] == picture
    assert "max_output_tokens=64" in chat.code
    assert "https://example.org/fox.png" in page(chat)


@pytest.mark.parametrize("model", ["gpt-5", "skytells-3"])
def test_its_budget_is_a_wall_of_its_own(sandbox, client, model):
    limit = {"gpt-5": "max_tokens", "skytells-3": "max_output_tokens"}[model]
    chat = sky.Playground(client, model=model, budget="0.001").chat
    chat.params[limit] = 100
    cost = chat.ask("Why is the sea blue?").cost
    assert (chat.budget.spent, chat.budget.reserved) == (cost, 0)
    assert "left of the budget" in page(chat)
    client.chat.completions.create("gpt-5", "Of another budget, or of none.")
    chat.params[limit] = 1000
    billed = sandbox.billed_amount
    with pytest.raises(sky.BudgetExceededError):
        chat.ask("And the sky?")
    assert sandbox.billed_amount == billed
    assert chat.budget.spent == cost


def test_the_code_asks_the_same(chat, sandbox):
    chat.ask('Say "fox".')
    chat.ask("Again.")
    with_tool = sky.Chat("gpt-5", client=chat._client, tools=[press])
    with_tool.ask("What is this?", [Image.new("RGB", (4, 3))])
    ast.parse(with_tool.code)
    assert "tools=[press]" in with_tool.code
    before = chat.messages
    with sandbox.client() as client:
        lines = chat.code.replace("sky.connect()", "given")
        names: dict[str, Any] = {"given": client}
        exec(lines, names)  # the toolkit's own code, made from this test's words
    said = [m if isinstance(m, dict) else m.message for m in names["messages"]]
    assert said == before


def test_pictures_go_along(chat, tmp_path: Path):
    Image.new("RGB", (40, 30), "teal").save(tmp_path / "fox.png")
    answer = chat.ask("What is this?", str(tmp_path / "fox.png"))
    text, picture = answer.input["messages"][1]["content"]
    assert text == {"type": "text", "text": "What is this?"}
    assert picture["image_url"]["url"].startswith("data:image/png;base64,")
    assert "data:image/" in page(chat), "its thumbnail is shown"
    assert "Path(" in chat.code
    with pytest.raises(AttributeError, match="model"):
        chat.model = "gpt-5-nano"  # which broke the next turn


def test_an_uploaded_picture_goes_along_and_leaves_the_widgets_state(chat, tmp_path: Path):
    Image.new("RGB", (40, 30), "teal").save(tmp_path / "fox.png")
    content = (tmp_path / "fox.png").read_bytes()
    chat._upload.value = (
        {"name": "fox.png", "content": content, "type": "image/png", "size": 1, "last_modified": NOW},
    )
    assert chat._upload.value == ()
    notes = {"name": "notes.txt", "content": b"a fox", "type": "", "size": 5, "last_modified": NOW}
    chat._upload.value = (notes,)
    assert "fox.png · Left out, since it is no picture: notes.txt." in chat._files.value
    chat._box.value = "What is this?"
    press(chat, "Send")
    chat.wait()
    assert len(chat.answers[0].input["messages"][1]["content"]) == 2
    assert 'Path("fox.png")' in chat.code


def test_one_that_is_stopped_keeps_what_came_and_can_go_on(sandbox):
    with sky.Sandbox(seconds=30) as slow, slow.client() as client:
        chat = sky.Chat("gpt-5", client=client)
        chat.send("Why is the sea blue?")
        with pytest.raises(InvalidInputError, match="being written"):
            chat.send("And the sky?")
        chat.stop()
        chat.wait()
        assert chat.status == "idle"
        chat.stop()  # twice does no harm
    assert len(chat.messages) <= 2


def test_who_waits_while_another_thread_presses_waits_for_that_press(chat):
    begun, seen = threading.Event(), []

    def wait() -> None:
        begun.set()
        chat.wait()
        seen.append(len(chat.answers))

    waiting = threading.Thread(target=wait)
    with chat._lock:  # as a press holds it on a subshell's thread
        waiting.start()
        begun.wait()
        chat.send("Why is the sea blue?")
    waiting.join()
    assert seen == [1]


def test_what_goes_wrong_stands_in_the_chat(chat, sandbox):
    sandbox.faults.next("server_error", on="chat")
    with pytest.raises(sky.ServerError):
        chat.ask("Why?")
    assert chat.status == "idle"
    assert "sky-error" in page(chat)
    assert chat.messages == [{"role": "system", "content": "Be brief."}]
    assert chat.ask("Why?").finish_reason == "stop"


@pytest.mark.parametrize(
    ("model", "words"),
    [("truefusion", "sky.PromptForm"), ("text-embedding-3-small", "client.embeddings.create")],
)
def test_a_model_that_does_not_chat_says_what_to_use(client, model, words):
    with pytest.raises(InvalidInputError, match="does not chat") as caught:
        sky.Chat(model, client=client)
    assert words in caught.value.message


def test_bad_input_is_refused_before_anything_is_sent(client, chat, sandbox):
    with pytest.raises(NotFoundError, match="Did you mean"):
        sky.Chat("gtp-5", client=client)
    with pytest.raises(InvalidInputError, match="system"):
        sky.Chat("gpt-5", system=7, client=client)
    sent = len(sandbox.log)
    for text in ("", "   ", 7, None):
        with pytest.raises(InvalidInputError):
            chat.send(text)
    with pytest.raises(InvalidInputError, match="'stream'"):
        sky.Chat("gpt-5", client=client, stream=True)
    with pytest.raises(InvalidInputError, match=r"nothing\.png"):
        chat.ask("What is this?", ["nothing.png"])
    assert len(sandbox.log) == sent
    chat.ask("Why?")
    for index, text in ((-1, ""), (2, "How?")):
        with pytest.raises(InvalidInputError):
            chat.edit(index, text)
    assert [m["content"] for m in chat.messages if m["role"] == "user"] == ["Why?"]


def test_a_saved_notebook_keeps_the_conversation(chat):
    answer = chat.ask("Why is the sea blue?")
    html = chat._repr_mimebundle_()["text/html"]
    assert "Why is the sea blue?" in html
    assert answer.text[:20] in html
    assert "<script" not in html


def test_the_playground_leads_text_models_to_a_chat(client):
    playground = sky.Playground(client=client, model="truefusion")
    playground.form.value = {"prompt": "a red fox"}
    playground.model = "gpt-5"
    with pytest.raises(InvalidInputError, match=r"playground\.chat"):
        playground.wait_for_form()
    assert isinstance(playground.chat, sky.Chat)
    assert playground.form is None
    playground.model = "truefusion"
    assert playground.wait_for_form().value["prompt"] == "a red fox"
    assert playground.chat is None
