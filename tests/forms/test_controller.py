"""However a press of *Generate* ends, the form comes to rest, and says what there is to say."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from background import settled

import skytells_nb as sky
from skytells_nb.aio import _loop, submit
from skytells_nb.exceptions import InvalidInputError
from skytells_nb.forms import PromptForm

from .conftest import PATIENCE, said, until

Ending = Callable[[PromptForm, sky.Sandbox], None]


def refused_before(form: PromptForm, _: sky.Sandbox) -> None:
    form.value = {}
    with suppress(InvalidInputError):
        form.submit()
    form._actions.generate.click()


def refused_by_the_api(form: PromptForm, sandbox: sky.Sandbox) -> None:
    sandbox.faults.next("content_policy", on="create")
    form._actions.generate.click()


def over_budget(form: PromptForm, _: sky.Sandbox) -> None:
    form.controller._check = refuse_the_budget
    form._actions.generate.click()


def refuse_the_budget(_: Any) -> Any:
    raise sky.BudgetExceeded("Too dear.", charged=False)


def failed(form: PromptForm, sandbox: sky.Sandbox) -> None:
    sandbox.faults.next("failed", on="create")
    form._actions.generate.click()


def canceled(form: PromptForm, _: sky.Sandbox) -> None:
    form._actions.generate.click()
    form._actions.cancel.click()


def observer_that_fails(form: PromptForm, _: sky.Sandbox) -> None:
    form.observe(lambda _: 1 / 0, ["status", "predictions", "value"])
    form._actions.generate.click()


def view_that_fails(form: PromptForm, _: sky.Sandbox) -> None:
    form.controller.observe(lambda _: 1 / 0, "state")
    form._actions.generate.click()


def check_that_fails(form: PromptForm, _: sky.Sandbox) -> None:
    form.controller._check = lambda _: {}[0]
    form._actions.generate.click()


def succeeded(form: PromptForm, _: sky.Sandbox) -> None:
    form._actions.generate.click()


ENDINGS: dict[Ending, tuple[str, str]] = {
    refused_before: ("idle", "Not sent"),
    refused_by_the_api: ("failed", "Content refused"),
    over_budget: ("failed", "Over budget"),
    failed: ("failed", "Prediction failed"),
    canceled: ("canceled", ""),
    observer_that_fails: ("succeeded", ""),
    view_that_fails: ("succeeded", ""),
    check_that_fails: ("failed", "KeyError"),
    succeeded: ("succeeded", ""),
}


@pytest.fixture
def form(client: sky.Client) -> PromptForm:
    form = PromptForm("truefusion-edge", client=client)
    form.value = {"prompt": "a fox"}
    return form


def rests(form: PromptForm) -> bool:
    state = form.controller.state
    return (
        not (state.running or form._actions.generate.disabled) and form._status._row.layout.display == "none"
    )


@pytest.mark.parametrize("end", ENDINGS, ids=lambda end: end.__name__)
def test_a_press_comes_to_rest_however_it_ends(form: PromptForm, sandbox: sky.Sandbox, end: Ending):
    status, words = ENDINGS[end]
    end(form, sandbox)
    form.wait(PATIENCE)
    assert (form.status, rests(form)) == (status, True)
    assert words in said(form)


def test_a_press_on_a_closed_client_comes_to_rest(form: PromptForm, client: sky.Client):
    client.close()
    form._actions.generate.click()
    form.wait(PATIENCE)
    assert (form.status, rests(form)) == ("failed", True)


def test_presses_waiting_in_the_queue_come_to_rest(sandbox: sky.Sandbox, client: sky.Client):
    form = PromptForm("truefusion-edge", client=client, on_busy="queue")
    form.value = {"prompt": "a fox"}
    sandbox.faults.next("content_policy", on="create")
    for _ in range(3):
        form._actions.generate.click()
    form.wait(PATIENCE)
    assert (form.status, rests(form), len(form.predictions)) == ("succeeded", True, 2)


def test_three_hundred_refused_presses_come_to_rest(form: PromptForm, sandbox: sky.Sandbox):
    form.value = {}
    seen: list[str] = []
    form.observe(lambda change: seen.append(change["new"]), "status")
    for n in range(300):
        with suppress(InvalidInputError):
            form.submit()
        form._actions.generate.click()
        form.wait(PATIENCE)
        assert form.status == "idle", f"press {n}"
    assert seen == ["sending", "idle"] * 300
    assert sandbox.billed == 0


@pytest.fixture
def interrupts() -> Iterator[Callable[[float], None]]:
    """Interrupt the main thread, as the stop button does, so many seconds from now."""
    timers: list[threading.Timer] = []

    def interrupt(seconds: float) -> None:
        timers.append(threading.Timer(seconds, signal.raise_signal, [signal.SIGINT]))
        timers[-1].start()

    yield interrupt
    for timer in timers:
        timer.join()


def test_an_interrupt_while_waiting_leaves_a_form_that_comes_to_rest(
    form: PromptForm, interrupts: Callable[[float], None]
):
    with suppress(KeyboardInterrupt):
        interrupts(0.02)
        while True:
            form._actions.generate.click()
            form.wait(PATIENCE)
    form.wait(PATIENCE)
    assert rests(form)


def test_waiting_on_the_toolkit_s_own_loop_is_refused(form: PromptForm):
    async def wait() -> None:
        form.wait()

    with pytest.raises(sky.SkytellsError, match="await"):
        submit(wait()).result(PATIENCE)


def test_a_cancel_that_the_api_refuses_is_said_and_can_be_tried_again():
    with sky.Sandbox(seconds=60) as slow, slow.client(max_retries=0) as waiting:
        form = PromptForm("truefusion-edge", client=waiting)
        form.value = {"prompt": "a fox"}
        form.submit()
        until(lambda: form.status in ("queued", "processing"), "the API has answered")
        slow.faults.next("server_error", on="cancel", status=500)
        form.cancel()
        until(lambda: "API error" in said(form), "the form says so")
        assert not form._actions.cancel.disabled
        form.cancel()
        form.wait(PATIENCE)
        assert (form.status, rests(form)) == ("canceled", True)


@pytest.mark.filterwarnings("ignore:Stopped.. 1 prediction was canceled")
def test_what_runs_when_python_exits_is_canceled_and_what_waits_is_not_sent():
    """A kernel that is restarted: the prediction went on, was billed, and nobody ever heard of it."""
    with sky.Sandbox(seconds=60) as slow, slow.client() as waiting:
        form = PromptForm("truefusion-edge", client=waiting, on_busy="queue")
        form.value = {"prompt": "a fox"}
        form.submit()
        form.submit()
        until(lambda: form.status in ("queued", "processing"), "the API has answered")

        async def exit() -> None:  # as `_farewell` begins
            toolkit = _loop._current
            for task in set(toolkit.submitted if toolkit else ()) - {asyncio.current_task()}:
                task.cancel()

        submit(exit()).result(PATIENCE)
        form.wait(PATIENCE)
        assert settled()
        assert [made["status"] for made in slow.predictions] == ["cancelled"]
