"""That the browser tests see what a person would see."""

from __future__ import annotations

from collections.abc import Callable

from .lab import Lab, Notebook

Open = Callable[..., Notebook]


def test_cells_are_run_and_widgets_answer(notebook: Open, lab: Lab):
    opened = notebook(
        [
            "import ipywidgets\n"
            "pressed = []\n"
            "button = ipywidgets.Button(description='Press me')\n"
            "button.on_click(lambda b: (pressed.append(1), setattr(b, 'description', 'Pressed')))\n"
            "button",
            "6 * 7",
        ]
    )
    opened.page.get_by_role("button", name="Press me").click()
    opened.here.get_by_role("button", name="Pressed").wait_for()
    assert opened.evaluate("len(pressed)") == "1"
    assert opened.run("print('more')")[0]["text"].strip() == "more"
    assert opened.outputs.nth(1).inner_text().strip().endswith("42")
    assert lab.complaints == []


def test_an_untrusted_notebook_loses_its_style_sheets_and_keeps_its_words(notebook: Open):
    opened = notebook(
        [
            "from IPython.display import HTML\n"
            "HTML('<style>.loud {color: rgb(1, 2, 3)}</style><p class=loud>Words</p>')"
        ],
        theme="dark",
        trusted=False,
    )
    words = opened.here.get_by_text("Words", exact=True)
    words.wait_for()
    assert words.evaluate("e => getComputedStyle(e).color") != "rgb(1, 2, 3)"
    assert opened.page.evaluate("() => document.body.dataset.jpThemeLight") == "false"
