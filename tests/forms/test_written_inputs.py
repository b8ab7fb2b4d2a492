"""Code that can be run, requests that can be read, secrets that are seen in neither; errors in words."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from skytells_nb import exceptions
from skytells_nb.forms._codegen import Secret, Upload, literal, to_json, to_python
from skytells_nb.forms._views import click_hint, describe

INPUTS: list[Any] = [
    {},
    {"prompt": 'a "red" fox\nin \\ snow {braces} \u202e ' + "é" * 50},
    {"width": 512, "ratio": 0.5, "on": True, "none": None, "big": 2**60},
    {"list": [1, "two", [3]], "deep": {"a": {"b": ["x" * 90]}}, "": "empty name"},
]


@pytest.mark.parametrize("input", INPUTS)
def test_code_says_exactly_what_is_sent(input: Any):
    calls: list[Any] = []

    class Client:
        @property
        def predictions(self) -> Any:
            return self

        def create(self, *given: Any) -> None:
            calls.append(given)

    code = to_python("truefusion", input).replace("sky.connect()", "fake")
    exec(compile(code, "<form>", "exec"), {"fake": Client()})
    assert calls == [("truefusion", input)]


def test_a_secret_is_masked_everywhere_and_sent_as_it_is():
    secret = Secret.of("hunter2", "openai_api_key")
    assert (json.dumps(secret), secret) == ('"hunter2"', "hunter2")
    input = {"openai_api_key": secret}
    for shown in (repr(input), literal(input), to_json("m", input), to_python("m", input)):
        assert "hunter2" not in shown
    assert 'os.environ["OPENAI_API_KEY"]' in to_python("m", input)
    assert pickle.loads(pickle.dumps(secret)) == "hunter2"


def test_a_file_is_a_path_in_code_and_no_wall_of_text_in_a_request():
    upload = Upload.of(b"x" * 9_000, "image/png", "fox.png")
    code = to_python("m", {"image": upload, "mask": Path("mask.png")})
    assert '"image": Path("fox.png")' in code
    assert '"mask": Path("mask.png")' in code
    assert "save it as fox.png" in code
    in_memory = {"image": np.zeros((8, 8, 3), np.uint8), "frames": [b"GIF89a"]}
    assert to_python("m", {**in_memory, "image": Image.new("RGB", (8, 8))}) == to_python("m", in_memory)
    open_files = {"image": io.BytesIO(b"\x89PNG\r\n\x1a\n"), "frames": [io.BytesIO(b"GIF89a")]}
    assert to_python("m", open_files) == to_python("m", in_memory)
    code = to_python("m", in_memory)
    compile(code, "<form>", "exec")
    assert '"image": Path("image.png")' in code
    assert "save it as image.png, frames_1.gif." in code
    assert len(to_json("m", {"image": upload, "text": "y" * 100_000})) < 3_000
    assert str(upload).startswith("data:image/png;base64,eHh4")


@pytest.mark.parametrize(
    ("error", "title"),
    [
        (exceptions.AuthenticationError("m"), "Key refused"),
        (exceptions.InsufficientCreditsError("m"), "No credit left"),
        (exceptions.RateLimitError("m", retry_after=7), "Too many requests"),
        (exceptions.InvalidInputError("m"), "Input refused"),
        (exceptions.NotFoundError("m"), "Model not found"),
        (exceptions.NetworkError("m"), "API unreachable"),
        (exceptions.BudgetExceeded("m"), "Over budget"),
        (exceptions.ServerError("m"), "API error"),
        (exceptions.SkytellsError("m"), "Error"),
        (ZeroDivisionError("m"), "Error"),
    ],
)
def test_errors_have_a_title_in_words(error: Exception, title: str):
    found = describe(error)
    assert found.title == title
    assert "m" in found.text
    assert found.retry_after == (7 if title == "Too many requests" else None)


def test_the_server_s_complaint_finds_its_field():
    error = exceptions.InvalidInputError("Refused.", detail="'width' must be a multiple of 8, not 1001")
    assert describe(error, ["prompt", "width", "height"]).field == "width"
    vague = exceptions.InvalidInputError("Refused.", detail="width and height do not match")
    assert describe(vague, ["prompt", "width", "height"]).field is None


def test_what_an_error_says_cannot_become_markup():
    assert "<script>" not in describe(exceptions.ServerError("<script>")).html


@pytest.mark.parametrize(
    ("version", "waits"),
    [
        ((6, 31, 0), True),
        ((7, 0, 1), False),
        ((7, 3, 0), False),
        ((7, 4, 0), True),
        ((8, 0), True),
        (None, False),
    ],
)
def test_the_form_knows_where_a_click_waits_for_a_cell(version: Any, waits: bool):
    assert bool(click_hint(version)) is waits
