"""A conversation in a real JupyterLab: it streams, is stopped, goes on, and is there when opened again."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from .lab import Lab, Notebook

Open = Callable[..., Notebook]

SETUP = (
    "import skytells_nb as sky\n"
    "sandbox = sky.Sandbox(seconds={seconds}).start()\n"
    "client = sandbox.client()\n"
    "chat = sky.Chat('gpt-5', system='Be brief.', client=client)\n"
    "chat"
)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_ask_by_keyboard_edit_and_look_at_the_code(notebook: Open, lab: Lab, theme: str):
    opened = notebook([SETUP.format(seconds=0.3)], theme=theme)
    box = opened.here.get_by_placeholder("Say something")
    for asked, text in enumerate(("Why is the sea <b>blue</b>?", "And the sky, $2 or $3?"), 1):
        box.fill(text)
        box.press("Control+Enter")
        expect(opened.here.locator(".sky-chat")).to_contain_text(re.compile(r"This conversation so far"))
        expect(opened.here.locator(".sky-log")).to_contain_text(text)
        # as many answers as questions stand there whole, with what each cost
        expect(opened.here.locator(".sky-log")).to_contain_text(re.compile(r"tokens \([\s\S]*" * asked))
        expect(opened.here.get_by_role("button", name="Stop")).to_be_disabled()
    opened.here.get_by_role("button", name="Code").click()
    expect(opened.here.locator(".sky-code pre")).to_contain_text("client.chat.completions.create")
    opened.shot(f"chat {theme}")
    opened.here.get_by_role("button", name="Edit").first.click()
    expect(box).to_have_value("Why is the sea <b>blue</b>?")
    opened.here.get_by_role("button", name="Send again from here").click()
    expect(opened.here.get_by_role("button", name="Edit")).to_have_count(1)
    assert opened.evaluate("chat.wait(), len(chat.answers)") == "(None, 3)"
    assert lab.complaints == []


def test_it_is_stopped_while_it_writes_and_goes_on(notebook: Open, lab: Lab):
    opened = notebook([SETUP.format(seconds=20)])
    box = opened.here.get_by_placeholder("Say something")
    box.fill("Why is the sea blue?")
    box.press("Control+Enter")
    expect(opened.here.locator(".sky-log")).to_contain_text("▍")
    opened.here.get_by_role("button", name="Stop").click()
    expect(opened.here.get_by_role("button", name="Stop")).to_be_disabled()
    expect(opened.here.locator(".sky-log")).to_contain_text("Cut off before its end.")
    opened.shot("chat stopped")
    assert opened.evaluate("chat.status, len(chat.messages)") == "('idle', 3)"
    assert lab.complaints == []


def test_a_conversation_is_there_when_it_is_opened_again(notebook: Open):
    opened = notebook([SETUP.format(seconds=0), "chat.ask('Why is the sea blue?');"], trusted=False)
    kept = opened.here.locator("[class^=sky-static]").filter(has_text="Why is the sea blue?")
    expect(kept).to_be_visible()
    expect(kept).to_contain_text("tokens (")
    opened.shot("chat opened again")
