"""An arena as a person uses it: one click, then keys alone; on a light page and on a dark one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from .lab import Lab, Notebook

Open = Callable[..., Notebook]

SETUP = """
import skytells_nb as sky
sandbox = sky.Sandbox(seconds=0, seed=3).start()
client = sandbox.client(archive="arena")
models = ["truefusion", "truefusion-pro", "truefusion-edge"]
animals = ["a fox", "an owl", "a hare", "a wolf", "a crane", "a lynx", "a deer"]
prompts = [f"{animal} in the snow" for animal in animals]
"""
ARENA = "arena = sky.Arena(models, prompts, client=client)\narena"
KEYS = ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown")


def pictures(opened: Notebook) -> Locator:
    return opened.here.locator(".sky-arena .sky-side img:not([style*='display:none'])")


def decoded(opened: Notebook) -> None:
    expect(pictures(opened)).to_have_count(2)
    for picture in pictures(opened).all():
        assert picture.evaluate("async (img) => { await img.decode(); return img.naturalWidth }") >= 200


@pytest.mark.parametrize(("theme", "prompts", "pairs"), [("light", 7, 21), ("dark", 1, 3)])
def test_all_pairs_but_one_are_voted_on_by_keyboard(
    notebook: Open, lab: Lab, theme: str, prompts: int, pairs: int
):
    opened = notebook([SETUP, ARENA.replace("prompts", f"prompts[:{prompts}]")], theme=theme)
    decoded(opened)
    head = opened.here.locator(".sky-arena .sky-head")
    expect(head).to_contain_text(f"0 of {pairs} pairs")
    opened.shot(f"arena {theme} 1 at first")
    opened.here.locator(".sky-arena .sky-asked").click()
    pressed = [n % 4 for n in range(pairs - 1)]
    for n, key in enumerate(pressed, start=1):
        opened.page.keyboard.press(KEYS[key])
        expect(head).to_contain_text(f"{n} of {pairs} pairs")
    words = " ".join(("left", "right", "both", "neither")[key] for key in pressed)
    assert opened.evaluate("' '.join(arena.votes['vote'])") == repr(words)
    opened.here.get_by_role("button", name="Ranking", exact=True).click()
    expect(opened.here.locator(".sky-arena .sky-table tr")).to_have_count(4)
    decoded(opened)
    opened.shot(f"arena {theme} 2 ranking")
    assert lab.complaints == []


def test_keys_pressed_faster_than_pairs_come_give_each_pair_one_vote(notebook: Open):
    opened = notebook([SETUP, ARENA.replace("models, prompts", "models[:2], prompts[:3]")])
    decoded(opened)
    head = opened.here.locator(".sky-arena .sky-head")
    opened.here.locator(".sky-arena .sky-asked").click()
    opened.evaluate("setattr(arena, 'voter', 'Quick')")
    expect(head).to_contain_text("0 of 3 pairs voted on by Quick")
    opened.page.evaluate(
        "() => { const arena = document.querySelector('.jp-NotebookPanel:not(.lm-mod-hidden) .sky-arena');"
        " for (let n = 0; n < 5; n++) arena.dispatchEvent("
        "new KeyboardEvent('keydown', {key: 'ArrowLeft', bubbles: true})) }"
    )
    expect(head).to_contain_text("1 of 3 pairs")
    opened.page.keyboard.press("ArrowRight")
    expect(head).to_contain_text("2 of 3 pairs")
    assert opened.evaluate("arena.progress") == "(2, 3)"


def test_two_texts_stand_side_by_side(notebook: Open):
    question = "What should a children's book about owls begin with?"
    cell = f'sky.Arena(["gpt-5", "gpt-5-nano"], ["{question}"], client=client)'
    opened = notebook([SETUP, cell])
    expect(opened.here.locator(".sky-arena .sky-side pre")).to_have_count(2)
    expect(opened.here.locator(".sky-arena .sky-asked")).to_have_text(question)
    opened.shot("arena light 3 texts")
