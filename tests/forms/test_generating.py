"""What comes of pressing *Generate*, and of stopping it: results, cancels, and troubles in words."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from PIL import Image

import skytells_nb as sky
from skytells_nb.exceptions import InvalidInputError, NotFoundError
from skytells_nb.forms import Playground, PromptForm

from .conftest import note, said, until

PNG = io.BytesIO()
Image.new("RGB", (300, 200), "teal").save(PNG, "PNG")
FormOf = Callable[..., PromptForm]


class TestGenerating:
    def test_it_returns_at_once_and_the_result_comes(self, sandbox: sky.Sandbox, client: sky.Client):
        form = PromptForm("truefusion", client=client)
        statuses: list[str] = []
        form.observe(lambda change: statuses.append(change["new"]), "status")
        form.value = {"prompt": "a lighthouse at dusk", "number_of_images": 2}
        assert form.estimate.price == "0.06 credits"
        form.submit()
        assert form.predictions == []
        prediction = form.wait(20)
        assert prediction is not None
        assert (prediction.status, len(prediction.output or [])) == ("succeeded", 2)
        assert statuses[0] == "sending"
        assert statuses[-1] == "succeeded"
        assert 'alt="a lighthouse at dusk' in form._results.newest
        assert sandbox.billed == 1

    def test_the_code_does_the_same(self, client: sky.Client, monkeypatch: pytest.MonkeyPatch):
        form = PromptForm("truefusion-edge", client=client)
        form.value = {"prompt": "a red fox", "seed": 7}
        monkeypatch.setattr(sky, "connect", lambda: client, raising=False)
        scope: dict[str, Any] = {}
        code, last = form.code.rsplit("client.predictions", 1)
        exec(f"{code}made = client.predictions{last}", scope)
        assert (scope["made"].status, scope["made"].input["seed"]) == ("succeeded", 7)

    def test_what_is_missing_is_marked_and_nothing_is_sent(self, sandbox: sky.Sandbox, client: sky.Client):
        form = PromptForm("truefusion", client=client)
        with pytest.raises(InvalidInputError, match="prompt: This is needed"):
            form.submit()
        until(lambda: "This is needed." in note(form, "prompt"), "it is marked")
        form._generate()
        until(lambda: "Not sent" in said(form), "the form says why")
        form.wait(20)
        until(lambda: form.status == "idle", "it rests again")
        assert sandbox.billed == 0

    def test_a_second_press_is_ignored_or_queued(self, sandbox: sky.Sandbox, client: sky.Client):
        for on_busy, made in (("ignore", 1), ("queue", 3)):
            form = PromptForm("truefusion-edge", client=client, on_busy=on_busy)
            form.value = {"prompt": "a fox"}
            for _ in range(3):
                form.submit()
            form.wait(20)
            assert len(form.predictions) == made
        with pytest.raises(InvalidInputError, match="on_busy"):
            PromptForm("truefusion-edge", client=client, on_busy="wait")  # type: ignore[arg-type]

    def test_inputs_of_a_result_can_be_used_again(self, client: sky.Client):
        form = PromptForm("truefusion-edge", client=client)
        form.value = first = {**form.value, "prompt": "a fox", "width": 128}
        form.submit()
        form.wait(20)
        form.value = {"prompt": "a hen"}
        card = form._results.widget.children[0]
        card.children[1].click()
        assert form.value == first

    def test_earlier_results_become_small(self, client: sky.Client):
        form = PromptForm("truefusion", client=client)
        for prompt in ("a fox in snow", "a hen in straw"):
            form.value = {"prompt": prompt}
            form.submit()
            form.wait(20)
        newest, earlier = form._results.widget.children
        assert "a hen" in newest.children[0].value
        assert "a fox" in earlier.children[0].value
        assert len(earlier.children[0].value) < 40_000
        assert [p.prompt for p in form.predictions] == ["a hen in straw", "a fox in snow"]

    def test_two_forms_on_one_client_do_not_disturb_each_other(self, client: sky.Client):
        forms = [PromptForm("truefusion-edge", client=client) for _ in range(2)]
        for n, form in enumerate(forms):
            form.value = {"prompt": f"fox {n}"}
            form.submit()
        assert [form.wait(20).prompt for form in forms] == ["fox 0", "fox 1"]  # type: ignore[union-attr]

    def test_an_async_client_will_do(self, client: sky.Client):
        form = PromptForm("truefusion-edge", client=client.as_async())
        form.value = {"prompt": "a fox"}
        form.submit()
        assert form.wait(20) is not None
        with pytest.raises(InvalidInputError, match="client must be"):
            PromptForm("truefusion-edge", client="sk-123")  # type: ignore[arg-type]

    def test_many_threads_may_press_at_once(self, sandbox: sky.Sandbox, client: sky.Client):
        form = PromptForm("truefusion-edge", client=client)
        form.value = {"prompt": "a fox"}
        threads = [threading.Thread(target=form._generate) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        form.wait(20)
        assert sandbox.billed == len(form.predictions) == 1

    def test_an_observer_that_fails_stops_nothing(self, client: sky.Client, caplog: pytest.LogCaptureFixture):
        form = PromptForm("truefusion-edge", client=client)
        form.value = {"prompt": "a fox"}

        def fail(_: Any) -> None:
            raise RuntimeError("somebody else's")

        form.observe(fail, ["status", "predictions"])
        form.submit()
        form.wait(20)
        assert (form.status, len(form.predictions), said(form)) == ("succeeded", 1, "")
        assert "What observes the form's predictions failed" in caplog.text

    def test_what_cannot_be_drawn_is_made_all_the_same(
        self, client: sky.Client, monkeypatch: pytest.MonkeyPatch
    ):
        def broken(_: sky.Prediction) -> Any:
            raise OSError("disk full")

        monkeypatch.setattr("skytells_nb.forms._views.to_html", broken)
        form = PromptForm("truefusion-edge", client=client)
        form.value = {"prompt": "a fox"}
        form.submit()
        prediction = form.wait(20)
        assert prediction is not None
        assert (prediction.status, form.status) == ("succeeded", "succeeded")
        assert f"{prediction.id} (succeeded) could not be drawn: disk full" in form._results.newest


class TestModelsThatCannotBeRun:
    """No price and no button, and a word on what to do."""

    @pytest.mark.parametrize(
        ("facts", "words"),
        [
            ({"status": "offline"}, "This model is offline."),
            ({"raw": {"metadata": {"openai_compatible": True}}}, "use sky.Chat('m')."),
            (
                {"raw": {"metadata": {"openai_compatible": True}}, "capabilities": ("embeddings",)},
                "client.embeddings.create('m', …)",
            ),
        ],
    )
    def test_it_says_so(self, sandbox: sky.Sandbox, client: sky.Client, facts: Any, words: str):
        schema = {"properties": {"prompt": {"type": "string"}}}
        form = PromptForm(sky.Model(id="m", input_schema=schema, **facts), client=client)
        form.value = {"prompt": "a fox"}
        assert words in form._actions.price.value.replace("&#x27;", "'")
        assert form._actions.generate not in form._actions.row.children
        assert form.estimate is not None
        with pytest.raises(InvalidInputError, match="This model"):
            form.submit()
        assert sandbox.billed == 0

    def test_the_picker_has_no_price_for_it(self, client: sky.Client):
        playground = Playground(client, model="gpt-5")
        lines = {slug: line for line, slug in playground._list.options}
        assert lines["gpt-5"] == "GPT-5 · text"
        assert lines["truefusion"].endswith("· 0.03 credits/image")
        assert playground.form is None
        assert playground.chat is not None


def test_what_the_session_has_cost_stands_under_every_form():
    with sky.Sandbox(seconds=0) as own, own.client() as client:  # at an origin where nothing was spent yet
        form = PromptForm("truefusion-edge", client=client)
        form.value = {"prompt": "a fox"}
        form.submit()
        form.wait(20)
        assert "This session so far: 0.01 credits" in form._status.spent.value
        client.predictions.create("truefusion-pro", {"prompt": "a hen"})
        own.faults.next("failed", on="create")
        form.submit()
        form.wait(20)
        assert "This session so far: 0.06 credits" in form._status.spent.value


class TestCanceling:
    def test_it_cancels_remotely(self, client: sky.Client):
        with sky.Sandbox(seconds=60) as slow, slow.client() as waiting:
            form = PromptForm("truefusion", client=waiting)
            form.value = {"prompt": "a fox"}
            form.submit()
            until(lambda: form.status in ("queued", "processing"), "the API has answered")
            form.cancel()
            prediction = form.wait(20)
            assert prediction is not None
            assert (form.status, prediction.status) == ("canceled", "canceled")
            assert waiting.predictions.get(prediction.id).status == "canceled"
            form.cancel()

    def test_it_forgets_what_waits(self):
        with sky.Sandbox(seconds=60) as slow, slow.client() as waiting:
            form = PromptForm("truefusion", client=waiting, on_busy="queue")
            form.value = {"prompt": "a fox"}
            form.submit()
            form.submit()
            until(lambda: form.status in ("queued", "processing"), "the API has answered")
            form.cancel()
            form.wait(20)
            assert len(form.predictions) == 1

    def test_before_the_api_has_answered_it_gives_up_and_lets_the_rest_be_canceled(self):
        with sky.Sandbox(seconds=60) as slow, slow.client() as waiting:
            form = PromptForm("truefusion", client=waiting)
            form.value = {"prompt": "a fox"}
            slow.faults.next("slow", on="create", seconds=1.0)
            form.submit()
            until(lambda: not slow.faults.waiting, "the API has the request, and has not answered")
            form.cancel()
            form.wait(20)
            assert form.status == "canceled"
            assert "Canceled before the API responded" in said(form)
            listed = waiting.predictions
            until(lambda: [p.status for p in listed.list()] == ["canceled"], "it is canceled remotely")


class TestTroubles:
    @pytest.mark.parametrize(
        ("fault", "title"),
        [
            ("unauthorized", "Key refused"),
            ("no_credit", "No credit left"),
            ("content_policy", "Content refused"),
            ("server_error", "API error"),
            ("failed", "Prediction failed"),
        ],
    )
    def test_they_are_said_in_words_and_the_form_goes_on(
        self, sandbox: sky.Sandbox, client: sky.Client, fault: str, title: str
    ):
        form = PromptForm("truefusion-edge", client=client)
        form.value = {"prompt": "a fox"}
        sandbox.faults.next(fault, on="create")
        form.submit()
        form.wait(20)
        assert f"<b>{title}</b>" in said(form)
        assert form.errors[""].startswith(title)
        assert form.status == "failed"
        form.submit()
        assert form.wait(20).status == "succeeded"  # type: ignore[union-attr]
        assert said(form) == ""
        assert form.errors == {}

    def test_a_rate_limit_counts_down_and_lets_go(self, sandbox: sky.Sandbox, client: sky.Client):
        form = PromptForm("truefusion-edge", client=client)
        form.value = {"prompt": "a fox"}
        sandbox.faults.next("rate_limit", on="create", retry_after=1)
        form.submit()
        form.wait(20)
        assert "Too many requests" in said(form)
        until(lambda: form._actions.generate.description.startswith("Generate in"), "the countdown runs")
        assert form._actions.generate.disabled
        until(lambda: "accepts requests again" in said(form), "the API accepts requests again")
        until(lambda: not form._actions.generate.disabled, "Generate can be pressed")

    def test_a_rate_limit_that_is_over_sooner_is_not_waited_for(
        self, sandbox: sky.Sandbox, client: sky.Client
    ):
        form = PromptForm("truefusion-edge", client=client)
        form.value = {"prompt": "a fox"}
        sandbox.faults.next("rate_limit", on="create", retry_after=600)
        form.submit()
        form.wait(20)
        until(lambda: form._actions.generate.description.startswith("Generate in"), "the countdown runs")
        form.submit()
        form.wait(20)
        until(lambda: form._actions.generate.description == "Generate", "Generate can be pressed again")
        assert (form.status, said(form), form.errors) == ("succeeded", "", {})

    def test_a_prediction_that_was_lost_sight_of_keeps_its_id(self):
        with sky.Sandbox(seconds=60) as slow, slow.client(max_retries=0) as waiting:
            form = PromptForm("truefusion-edge", client=waiting, budget="0.05")
            form.value = {"prompt": "a fox"}
            form.submit()
            until(lambda: form.status in ("queued", "processing"), "the API has answered")
            slow.faults.always("unauthorized", on=("read", "list"))
            lost = form.wait(20)
            slow.faults.clear()
            assert lost is not None
            assert [p.id for p in waiting.predictions.list()] == [lost.id]
            assert (form.status, lost.done) == ("failed", False)
            assert "Key refused" in said(form)
            assert form.controller.budget.remaining == Decimal("0.04")  # type: ignore[union-attr]

    def test_a_field_that_the_server_refuses_is_marked(self, form_of: FormOf):
        schema = {"properties": {"prompt": {"type": "string"}, "width": {"type": "integer"}}}
        form = form_of(schema)
        form.value = {"prompt": "a fox", "width": 9_999_999}
        form.submit()
        form.wait(20)
        assert "Input refused" in said(form)
        assert "sky-problem" in note(form, "width")

    def test_a_model_that_vanished_is_said_and_no_model_of_that_name_is_raised(self, client: sky.Client):
        with pytest.raises(NotFoundError):
            PromptForm("truefusion-none", client=client)
        gone = sky.Model(id="truefusion-none", input_schema={"properties": {"prompt": {"type": "string"}}})
        form = PromptForm(gone, client=client)
        form.value = {"prompt": "a fox"}
        form.submit()
        form.wait(20)
        assert "Model not found" in said(form)

    def test_a_sandbox_that_stops_half_way_is_said(self):
        stopping = sky.Sandbox(seconds=60).start()
        with stopping.client(max_retries=0) as client:
            form = PromptForm("truefusion", client=client)
            form.value = {"prompt": "a fox"}
            form.submit()
            until(lambda: form.status in ("queued", "processing"), "the API has answered")
            stopping.stop()
            form.cancel()
            until(lambda: "unreachable" in said(form), "the form says so")
            assert form.value["prompt"] == "a fox"
            client.close()
        form.submit()
        form.wait(20)
        assert said(form) != ""

    def test_nothing_runs_over_a_budget(self, sandbox: sky.Sandbox, client: sky.Client):
        form = PromptForm("truefusion-edge", client=client, budget="0.015")
        form.value = {"prompt": "a fox"}
        for _ in range(2):
            form.submit()
            form.wait(20)
        assert "Over budget" in said(form)
        assert sandbox.billed == 1
        assert form.controller.budget.spent == Decimal("0.01")  # type: ignore[union-attr]
        with pytest.raises(InvalidInputError, match="must be an amount"):
            PromptForm("truefusion-edge", client=client, budget="much")
