"""A batch from its inputs to its results."""

from __future__ import annotations

import asyncio
import inspect
import pickle
import threading
from decimal import Decimal

import pandas as pd
import pytest

import skytells_nb as sky
from skytells_nb.exceptions import InvalidInputError, NotFoundError
from skytells_nb.jobs import BatchResult, abatch, batch

from .conftest import TEXTER


def test_results_come_in_the_order_of_the_inputs(run, sandbox):
    prompts = [f"fox {n}" for n in range(30)]
    made = run(prompts, limit=7)
    assert [prediction.prompt for prediction in made] == prompts
    assert {prediction.status for prediction in made} == {"succeeded"}
    assert sandbox.billed == 30


def test_equal_inputs_make_a_prediction_each(run, sandbox):
    made = run(["a fox"] * 5)
    assert len({prediction.id for prediction in made}) == 5
    assert sandbox.billed == 5


def test_what_it_made_is_in_the_archive_with_its_files(client, archive):
    made = batch("truefusion-edge", [{"prompt": "a fox", "width": 64, "height": 64}], client=client)
    kept = archive.get(made[0].id)
    assert made[0].files == kept.files
    assert made[0].files[0].is_file()
    assert made[0].raw == {"source": "api"}, "the whole answer is the archive's to keep"
    assert kept.raw["id"] == made[0].id


def test_a_client_without_an_archive_gets_the_default_one(sandbox, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with sandbox.client() as client:
        made = batch(TEXTER, ["a fox"], client=client)
    assert made[0].files[0].parent.parent.name == "skytells_outputs"


def test_no_more_than_the_limit_are_under_way(archive):
    with sky.Sandbox(seconds=0.2, concurrency=3) as sandbox, sandbox.client(archive=archive) as client:
        made = batch(TEXTER, [f"fox {n}" for n in range(9)], limit=3, client=client)
        assert {prediction.status for prediction in made} == {"succeeded"}
        assert all(request.status != 429 for request in sandbox.log)


def test_the_rows_of_a_frame_get_their_results_on_its_index(run):
    frame = pd.DataFrame({"prompt": ["a fox", "an owl", "a bear"]}, index=["x", "y", "z"])
    made = run(frame)
    joined = frame.join(made.to_pandas()[["status", "cost"]])
    assert list(joined.index) == ["x", "y", "z"]
    assert list(joined["status"]) == ["succeeded"] * 3
    assert list(made[1:].to_pandas().index) == ["y", "z"]
    assert list(made[1:].to_pandas()["prompt"]) == ["an owl", "a bear"]


def test_a_list_has_an_index_of_numbers(run):
    assert list(run(["a fox", "an owl"]).to_pandas().index) == [0, 1]


def test_results_can_be_pickled(run):
    made = run(pd.Series(["a fox"], index=["x"]), name="foxes")
    again = pickle.loads(pickle.dumps(made))
    assert (again, again.name, list(again.labels)) == (made, "foxes", ["x"])


def test_a_failure_is_a_result_and_the_others_go_on(run, sandbox):
    sandbox.faults.next("failed", after=1, reason="The hamster has left the wheel.")
    made = run(["a", "b", "c"], limit=1)
    assert [prediction.status for prediction in made] == ["succeeded", "failed", "succeeded"]
    assert "hamster" in made[1].error


def test_what_the_api_refuses_is_a_result_without_a_prediction(run, sandbox):
    sandbox.faults.next("content_policy", after=1)
    made = run(["a", "b", "c"], limit=1)
    assert [prediction.status for prediction in made] == ["succeeded", "failed", "succeeded"]
    assert made[1].id == "not-created-1"
    assert made[1].prompt == "b"
    assert "refused the content" in made[1].error


def test_a_wrong_input_stops_everything_before_it_begins(run, creates):
    with pytest.raises(InvalidInputError, match="1 of 3 inputs cannot be used"):
        run(["a fox", {"prompt": 5}, "an owl"])
    assert creates() == 0


def test_an_unknown_model_is_told_before_anything_is_sent(client, creates):
    with pytest.raises(NotFoundError, match="no-such-model"):
        batch("no-such-model", ["a fox"], client=client)
    assert creates() == 0


@pytest.mark.parametrize("limit", [0, -1, True, 2.5, None, "8"])
def test_a_limit_that_lets_nothing_start_is_refused(run, creates, limit):
    with pytest.raises(InvalidInputError, match="limit must be a whole number of 1 or more, not "):
        run(["a fox"], limit=limit)
    assert creates() == 0


@pytest.mark.parametrize("name", ["", "  ", 3, "x" * 201])
def test_a_name_that_is_none_is_refused(run, name):
    with pytest.raises(InvalidInputError, match="name must be a text of at most 200 characters, not "):
        run(["a fox"], name=name)


@pytest.mark.parametrize("model", ["", None, 3])
def test_a_model_that_is_none_is_refused(client, model):
    with pytest.raises(InvalidInputError, match="model must be a model's name, not "):
        batch(model, ["a fox"], client=client)


def test_a_client_that_is_none_is_refused():
    with pytest.raises(InvalidInputError, match="client must be a Client"):
        batch(TEXTER, ["a fox"], client="sk-123")


def test_nothing_to_do_is_an_empty_result_and_no_request(run, sandbox, archive):
    before = len(sandbox.log)
    assert run([]) == []
    assert isinstance(run([]), BatchResult)
    assert len(sandbox.log) == before
    assert not archive.path.exists()


def test_an_empty_generator_is_nothing_to_do_either(run, creates):
    assert run(iter(())) == []
    assert creates() == 0


def test_a_model_can_be_given_as_the_api_lists_it(client):
    model = client.models.get(TEXTER)
    assert batch(model, ["a fox"], client=client)[0].model == TEXTER


def test_both_forms_take_the_same_and_say_so():
    assert list(inspect.signature(batch).parameters.values()) == list(
        inspect.signature(abatch).parameters.values()
    )
    for name in inspect.signature(batch).parameters:
        assert f"\n{name} : " in inspect.getdoc(abatch)
    assert inspect.getdoc(abatch).count("Raises\n") == inspect.getdoc(abatch).count("Examples\n") == 1


def test_it_is_awaited_on_a_running_loop(sandbox, archive):
    async def main() -> BatchResult:
        async with sandbox.async_client(archive=archive) as client:
            return await abatch(TEXTER, ["a fox", "an owl"], client=client)

    assert [prediction.prompt for prediction in asyncio.run(main())] == ["a fox", "an owl"]


def test_two_batches_run_side_by_side_on_one_loop(sandbox, archive):
    async def main() -> list[BatchResult]:
        async with sandbox.async_client(archive=archive) as client:
            return await sky.gather(
                abatch(TEXTER, [f"fox {n}" for n in range(10)], name="foxes", client=client),
                abatch(TEXTER, [f"owl {n}" for n in range(10)], name="owls", client=client),
            )

    foxes, owls = asyncio.run(main())
    assert (foxes[3].prompt, owls[3].prompt) == ("fox 3", "owl 3")
    assert sandbox.billed == 20


def test_ordinary_code_may_call_it_while_a_loop_runs_in_its_thread(run):
    async def cell() -> BatchResult:
        return run(["a fox"])

    assert asyncio.run(cell())[0].status == "succeeded"


def test_a_thread_may_call_it(run):
    made: list[BatchResult] = []
    thread = threading.Thread(target=lambda: made.append(run(["a fox"])))
    thread.start()
    thread.join()
    assert made[0][0].status == "succeeded"


def test_the_newest_open_client_is_taken_when_none_is_given(client, sandbox):
    assert batch(TEXTER, ["a fox"])[0].origin == sandbox.url


def test_the_bar_tells_how_far_it_is_and_what_it_has_cost(run, monkeypatch):
    from skytells_nb.aio import _progress

    drawn = []

    class View:
        def draw(self, tally):
            drawn.append(tally)

    monkeypatch.setattr(_progress, "_view", lambda stream: View())
    with sky.options(progress=True):
        run(["a", "b", "c"], name="letters", limit=2)
    last = drawn[-1]
    assert (last.label, last.total, last.done, last.failed, last.running) == ("letters", 3, 3, 0, 0)
    assert last.spent > Decimal(0)
    assert last.sandbox
    drawn.clear()
    with sky.options(progress=True):
        run(["a", "b", "c"], name="letters", progress=False)
    assert drawn == []
