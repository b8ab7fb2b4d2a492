"""Tab inside a call: models by their name, and the inputs of the one that is named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

import skytells_nb as sky
from skytells_nb import _completion
from skytells_nb._completion import complete


@pytest.fixture(scope="module", autouse=True)
def client() -> Iterator[sky.Client]:
    with sky.Sandbox(transport="inprocess") as sandbox, sandbox.client() as open:
        yield open


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ('client.predictions.create("truefusion-v', "truefusion-video"),
        ("form = sky.PromptForm(\n  'veo-3.1-", "veo-3.1-fast"),
        ('sky.compare(["truefusion", "flux-f', "flux-fast"),
        ('await fast.predictions.create(model="lum', "lumo"),
        ('client.predictions.create("truefusion", {"', "prompt"),
        ('sky.batch("truefusion", [{"prompt": "a fox, red", "se', "seed"),
    ],
)
def test_what_is_typed_is_completed(text: str, first: str):
    word, found = complete(text)
    assert text.endswith(word)
    assert found[0] == first


@pytest.mark.parametrize(
    "text",
    [
        'create("truefusion',
        'd.get("a',
        'sky.batch("truefusion", ["a fo',
        'sky.estimate("lumo", {"prompt": "a',
        "",
    ],
)
def test_what_is_no_name_of_ours_is_left_alone(text: str):
    assert complete(text) == ("", [])


def test_a_notebook_offers_them_first(ipython: InteractiveShell):
    _completion.install()
    _completion.install()
    assert ipython.Completer.custom_matchers.count(_completion._match) == 1
    code = 'x = 1\nclient.models.get("veo-3.1-'
    with provisionalcompleter():
        [only] = ipython.Completer.completions(code, len(code))
    assert (only.text, code[only.start : only.end]) == ("veo-3.1-fast", "veo-3.1-")
