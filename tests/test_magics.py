"""A cell that is a prompt: what its first line means, and what is said when it means nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

import skytells_nb as sky
from skytells_nb._magics import MagicError, complete, fill_in, load_ipython_extension, parse


@pytest.fixture
def sandbox() -> Iterator[sky.Sandbox]:
    with sky.Sandbox(transport="inprocess", seconds=0.05, seed=1) as running, running.client():
        yield running


@pytest.fixture
def client(sandbox: sky.Sandbox) -> Iterator[sky.Client]:
    with sandbox.client() as open:
        yield open


class Shell:
    """As much of a shell as magics are handed: functions by name, matchers, variables."""

    def __init__(self) -> None:
        self.user_ns: dict[str, Any] = {}
        self.magics: dict[str, Any] = {}
        self.Completer = SimpleNamespace(custom_matchers=[])

    def register_magic_function(self, function: Any, kind: str, name: str) -> None:
        self.magics[name] = function

    def cell(self, line: str, cell: str = "a red fox") -> Any:
        return self.magics["skytells"](line, cell)


@pytest.fixture
def shell(client: sky.Client) -> Shell:
    made = Shell()
    load_ipython_extension(made)
    return made


def test_a_cell_makes_a_prediction_and_keeps_it_under_a_name(shell: Shell):
    shell.user_ns["animal"] = "hen"
    made = shell.cell("truefusion-edge --width 128 --seed=7 -o picture", "a {animal} in {{straw}}\n")
    assert (made.status, made.prompt) == ("succeeded", "a hen in {straw}")
    assert (made.input["width"], made.input["seed"]) == (128, 7)
    assert shell.user_ns["picture"] is made


def test_what_is_not_said_is_left_out(shell: Shell):
    assert shell.cell("truefusion-edge").input == {"prompt": "a red fox"}


def test_inputs_are_read_as_the_schema_has_them(shell: Shell):
    line = "truefusion --aspect-ratio 16:9 --prompt-optimizer --number-of-images 2"
    assert shell.cell(line).input == {
        "prompt": "a red fox",
        "aspect_ratio": "16:9",
        "prompt_optimizer": True,
        "number_of_images": 2,
    }
    assert shell.cell("lumo --seconds 10 --estimate").basis


def test_the_price_alone_costs_nothing(shell: Shell, sandbox: sky.Sandbox):
    assert shell.cell("truefusion --number-of-images 3 --estimate").price == "0.09 credits"
    assert sandbox.billed == 0


def test_a_form_can_be_opened_instead(shell: Shell, sandbox: sky.Sandbox):
    form = shell.cell("truefusion-edge --width 128 --form -o form")
    assert (form.value["prompt"], form.value["width"]) == ("a red fox", 128)
    assert shell.user_ns["form"] is form
    assert sandbox.billed == 0


@pytest.mark.parametrize(
    ("line", "cell", "words"),
    [
        ("", "x", "No model is named"),
        ("truefusoin", "x", "Did you mean 'truefusion'?"),
        ("truefusion --aspect-ration 1:1", "x", "Did you mean --aspect_ratio?"),
        ("truefusion-edge --width wide", "x", "--width takes a whole number, not 'wide'"),
        ("truefusion-edge --width", "x", "--width needs a value"),
        ("truefusion-edge --width 9999", "x", "width: At most 1,024, not 9,999."),
        ("truefusion --aspect-ratio 7:7", "x", "--aspect_ratio is one of 1:1,"),
        ("truefusion --prompt-optimizer maybe", "x", "--prompt_optimizer is true or false"),
        ("truefusion", "  ", "prompt: This is needed."),
        ("truefusion", "a {beast}", "there is no variable beast"),
        ("truefusion -o 7up", "x", "-o takes the name of a variable"),
        ("truefusion 'open", "x", "This line cannot be read"),
        ("truefusion edge", "x", "'edge' is not understood"),
        ("sandbox-upscaler", "x", "sandbox-upscaler takes no prompt"),
        ("sandbox-upscaler --image no/fox.png", "", "no/fox.png"),
    ],
)
def test_whatever_is_wrong_is_one_readable_line(
    shell: Shell, sandbox: sky.Sandbox, line: str, cell: str, words: str
):
    with pytest.raises(MagicError) as raised:
        shell.cell(line, cell)
    (shown,) = raised.value._render_traceback_()
    assert words in shown
    assert "Nothing was sent" in shown
    assert "\n" not in shown
    assert sandbox.billed == 0


def test_what_the_api_says_is_one_line_too(shell: Shell, sandbox: sky.Sandbox):
    sandbox.faults.next("no_credit")
    with pytest.raises(MagicError, match="InsufficientCreditsError: "):
        shell.cell("truefusion-edge")


def test_model_names_and_their_inputs_are_completed(shell: Shell, sandbox: sky.Sandbox):
    assert complete("%%skytells truefusion-v") == ["truefusion-video", "truefusion-video-pro"]
    assert complete("%%skytells truefusion-edge --w") == ["--width"]
    assert "--estimate" in complete("%%skytells truefusion-edge --width 128 --")
    assert complete("%%skytells truefusion --aspect-ratio 9:") == ["9:16"]
    sandbox.faults.always("server_error", on="models")
    assert complete("%%skytells truefusion-v") == [
        "truefusion-video",
        "truefusion-video-pro",
    ]  # it was just read
    with sandbox.client():
        assert complete("%%skytells t") == []


def test_what_was_spent_is_summed_up(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    with sky.Sandbox(seconds=0) as own, own.client():  # at an origin where nothing was spent yet
        shell.cell("truefusion-edge")
        shell.magics["skytells_spend"]("")
        shell.magics["skytells_spend"]("status D")
        told = capsys.readouterr().out
        assert "truefusion-edge" in told
        assert "succeeded" in told
        assert told.count("This session so far: 0.01 credits") == 2
        monkeypatch.setenv("SKYTELLS_BASE_URL", own.url)
        monkeypatch.setenv("SKYTELLS_API_KEY", own.api_key)
        assert sky.connect(archive=False).connection.account.sandbox, "before the first answer says so, too"
        with pytest.raises(MagicError, match="colour"):
            shell.magics["skytells_spend"]("colour")


def test_repeated_options_are_lists_and_numbers_may_be_negative():
    order = parse("m --tag a --tag 'b c' --shift -3 --on --name=x=y")
    assert order.given == {"tag": ["a", "b c"], "shift": "-3", "on": True, "name": "x=y"}


def test_braces_that_are_no_names_stay():
    assert fill_in('{"a": 1} {} {0} {a b} }}', {}) == '{"a": 1} {} {0} {a b} }'


@pytest.mark.parametrize("asked", ["{fox.colour}", "{fox[0]}", "{fox:>9}", "{fox!r}", "{fox()}"])
def test_more_than_a_name_is_not_sent_as_it_stands(asked: str):
    with pytest.raises(MagicError, match="only a name is filled in") as raised:
        fill_in(f"a {asked} in snow", {"fox": "red"})
    assert raised.value.charged is False
    assert f"{{{asked}}}" in str(raised.value)
    assert fill_in(f"a {{{asked}}} in snow", {"fox": "red"}) == f"a {asked} in snow"
    assert fill_in(f"a {asked} in snow", {}) == f"a {asked} in snow"


def test_files_lists_and_json_are_read(shell: Shell, tmp_path: Path):
    line = "veo-3.1-fast --reference-images https://a.example/1.png --generate-audio no --estimate"
    assert "generate_audio is false" in str(shell.cell(line))
    gpt = """gpt-5 --messages '[{"role": "user", "content": "hello"}]' --estimate"""
    assert shell.cell(gpt, "").basis
    with pytest.raises(MagicError, match="--messages takes JSON"):
        shell.cell("gpt-5 --messages hello", "")


def test_it_works_in_a_real_shell(
    client: sky.Client, ipython: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    load_ipython_extension(ipython)
    made = ipython.run_cell_magic("skytells", "truefusion-edge -o made", "a fox")
    assert ipython.user_ns["made"] is made
    made.save("fox.png")
    larger = ipython.run_line_magic("skytells", "sandbox-upscaler --image fox.png --width 256 --height 256")
    assert larger.model == "sandbox-upscaler", "which takes no prompt, and a cell without one is refused"
    typed = "%%skytells beatfusion-"
    with provisionalcompleter():
        found = [each.text for each in ipython.Completer.completions(typed, len(typed))]
        assert found == ["beatfusion-2.0", "beatfusion-1.0"]
        typed = "%%skytells truefusion --se"
        found = [each.text for each in ipython.Completer.completions(typed + "\na fox", len(typed))]
        assert found == ["--seed"]
        assert "setattr" in {each.text for each in ipython.Completer.completions("seta", 4)}


def test_what_the_archive_has_is_not_paid_for_again(
    shell: Shell, sandbox: sky.Sandbox, tmp_path: Path
) -> None:
    with sandbox.client(archive=tmp_path / "kept"):
        made = shell.cell("truefusion-edge --width 64 --height 64")
        again = shell.cell("truefusion-edge --width 64 --height 64 --reuse")
        assert (again.id, again.reused, sandbox.billed) == (made.id, True, 1)
        with sky.options(reuse=True):
            assert shell.cell("truefusion-edge --width 64 --height 64").reused
            assert not shell.cell("truefusion-edge --width 64 --height 64 --no-reuse").reused


def test_a_text_model_streams_its_answer_and_keeps_it_under_a_name(
    shell: Shell, capsys: pytest.CaptureFixture[str]
):
    shell.user_ns["what"] = "the sea"
    line = 'gpt-5 --system "Be brief." --temperature 0.2 --max-tokens 500 -o answer'
    assert shell.cell(line, "Why is {what} blue?\n") is None, "it has been shown already"
    answer = shell.user_ns["answer"]
    assert capsys.readouterr().out.startswith(answer.text)
    assert answer.input["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Why is the sea blue?"},
    ]
    assert (answer.input["temperature"], answer.input["max_tokens"]) == (0.2, 500)
    with pytest.raises(MagicError, match="needs an archive"):
        shell.cell(f"{line} --reuse", "Why is {what} blue?\n")


def test_a_text_models_cell_can_be_estimated_or_become_a_chat(shell: Shell, sandbox: sky.Sandbox):
    assert shell.cell("gpt-5 --estimate --max-tokens 100", "Why?").high > 0
    with pytest.raises(MagicError, match="empty"):
        shell.cell("gpt-5", "\n")
    with pytest.raises(MagicError, match="Did you mean 'temperature'"):
        shell.cell("gpt-5 --temprature 1", "Why?")
    assert not [each for each in sandbox.log if each.method == "POST"]
    chat = shell.cell("gpt-5 --form", "Why?")
    chat.wait()
    assert chat.answers[0].finish_reason == "stop"
