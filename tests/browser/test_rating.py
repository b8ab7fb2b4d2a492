"""Pictures rated as a person does it: one click, then keys alone; on a light page and on a dark one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from .lab import Lab, Notebook

Open = Callable[..., Notebook]

SETUP = """
import skytells_nb as sky
sandbox = sky.Sandbox(seconds=0, seed=3).start()
client = sandbox.client(archive="rated")
animals = ["fox", "owl", "hare", "wolf", "crane", "lynx", "deer", "bear", "frog", "cat"]
frame = sky.grid(prompt="a {animal} in snow", animal=animals[:{count}])
made = sky.batch("truefusion-edge", frame, client=client)
"""
RATER = "rater = sky.rate(made)\nrater"
KEYS = ("5", "4", "x", "1", "2", "3", "5", "x", "4", "2")


@pytest.mark.parametrize(("theme", "count"), [("light", 10), ("dark", 3)])
def test_pictures_are_rated_by_keyboard(notebook: Open, lab: Lab, theme: str, count: int):
    opened = notebook([SETUP.replace("{count}", str(count)), RATER], theme=theme)
    picture = opened.here.locator(".sky-rating .sky-picture img")
    assert picture.evaluate("async (img) => { await img.decode(); return img.naturalWidth }") >= 400
    head = opened.here.locator(".sky-rating .sky-head")
    expect(head).to_contain_text(f"0 of {count} predictions rated")
    opened.shot(f"rating {theme} 1 at first")
    head.click()
    keys = KEYS[:count]
    for n, key in enumerate(keys[:-1], start=1):
        opened.page.keyboard.press(key)
        expect(head).to_contain_text(f"{n} of {count} predictions")
    opened.page.keyboard.press("u")
    expect(head).to_contain_text(f"{count - 2} of {count} predictions")
    opened.page.keyboard.press("ArrowRight")
    opened.page.keyboard.press("ArrowLeft")
    opened.page.keyboard.press(keys[-2])
    expect(head).to_contain_text(f"{count - 1} of {count} predictions")
    opened.here.get_by_label("Tags", exact=True).fill("cover, 1 star")
    opened.page.keyboard.press("Enter")  # and the keys are keys again
    opened.page.keyboard.press(keys[-1])
    expect(head).to_contain_text("That was the last one.")
    opened.page.keyboard.press("ArrowLeft")
    expect(head).to_contain_text("How good is it?")
    opened.shot(f"rating {theme} 2 at the end")
    stars = [0 if key == "x" else int(key) for key in keys]
    assert opened.evaluate("[client.archive.rating(p).stars for p in made]") == repr(stars)
    assert opened.evaluate("client.archive.rating(made[-1]).tags") == "('cover', '1 star')"
    assert opened.evaluate("sky.rate(made).current") == "None"
    assert lab.complaints == []
