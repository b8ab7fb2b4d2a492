"""Text models under budgets and estimates: reserved by the most they may write, settled by what they used."""

from __future__ import annotations

from decimal import Decimal

import pytest

import skytells_nb as sky
from skytells_nb.api import Observer


@pytest.fixture
def sandbox():
    with sky.Sandbox(transport="inprocess", seconds=0) as running:
        yield running


@pytest.fixture
def client(sandbox):
    with sandbox.client() as client:
        yield client


def asked(text="Why is the sea blue?", **params):
    return {"messages": [{"role": "user", "content": text}], **params}


def test_an_estimate_goes_from_the_prompt_alone_to_all_that_may_be_written(client):
    found = sky.estimate("gpt-5", asked(max_tokens=1000), client=client)
    made = client.chat.completions.create("gpt-5", "Why is the sea blue?", max_tokens=1000)
    assert found.low <= made.cost <= found.high
    assert Decimal("0.00125") <= found.high < Decimal("0.0013")
    assert found.low < Decimal("0.00001")
    twice = sky.estimate("gpt-5", asked(max_tokens=1000, n=2), client=client)
    assert twice.high - found.high == Decimal("0.00125")


def test_what_tools_and_token_ids_are_read_for_counts(client):
    tool = {"type": "function", "function": {"name": "f", "description": "x" * 4000}}
    plain = sky.estimate("gpt-5", asked(max_tokens=1), client=client)
    with_tool = sky.estimate("gpt-5", asked(max_tokens=1, tools=[tool]), client=client)
    assert with_tool.high > plain.high + 4000 * Decimal("5e-7")
    ids = sky.estimate("skytells-embed-3-small", {"input": [[1, 2, 3]]}, client=client)
    made = client.embeddings.create("skytells-embed-3-small", [[1, 2, 3]])
    assert ids.low <= made.cost <= ids.high


def test_how_long_an_earlier_response_was_is_not_known(client):
    body = {"input": "and?", "max_output_tokens": 10, "previous_response_id": "resp_1"}
    assert sky.estimate("skytells-3", body, client=client).high is None


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("route", ["chat", "responses"])
def test_a_budget_reserves_the_most_and_settles_by_usage(client, sandbox, route, stream):
    reserved = []

    class Spy(Observer):
        async def created(self, account, ticket, prediction):
            reserved.append(budget.reserved)

    client.connection.observers.append(Spy())
    with sky.budget(1) as budget:
        if route == "chat":
            made = client.chat.completions.create("gpt-5", "hello", stream=stream, max_tokens=100)
        else:
            made = client.responses.create("gpt-5", "hello", stream=stream, max_output_tokens=100)
        if stream:
            list(made)
            made = made.completion
        assert budget.spent == made.cost == sandbox.billed_amount
        assert budget.reserved == 0
    assert reserved[0] >= 100 * Decimal("1.25e-6")


def test_text_vectors_and_pictures_share_one_wall(client, sandbox):
    with sky.budget("0.0302") as budget:
        client.predictions.create("truefusion", {"prompt": "a fox"})
        client.chat.completions.create("gpt-5", "hello", max_tokens=100)
        client.embeddings.create("skytells-embed-3-small", ["a", "b"])
        assert budget.spent == sandbox.billed_amount
        with pytest.raises(sky.BudgetExceededError) as caught:
            client.chat.completions.create("gpt-5", "hello")  # which may write 8192 tokens
        assert budget.spent == sandbox.billed_amount
    assert caught.value.charged is False


@pytest.mark.parametrize("quirk", ["no-usage", "cut", "error-midway"])
def test_where_no_usage_comes_the_estimate_stays_and_is_said(client, sandbox, quirk):
    sandbox.faults.next("text", quirk=quirk)
    with sky.budget(1) as budget:
        stream = client.chat.completions.create("gpt-5", "hello", stream=True, max_tokens=100)
        try:
            list(stream)
        except sky.SkytellsError:
            assert quirk != "no-usage"
        assert budget.spent == 0
        assert budget.estimated == budget.reserved >= 100 * Decimal("1.25e-6")
        assert "estimated" in repr(budget)


def test_a_refusal_gives_its_reservation_back(client, sandbox):
    with sky.budget(1) as budget:
        with pytest.raises(sky.InvalidInputError):
            client.chat.completions.create("gpt-5", "hello", temperature=9)
        assert (budget.spent, budget.reserved) == (0, 0)


def test_what_may_have_been_billed_stays_reserved(client, sandbox):
    sandbox.faults.next("server_error", on="chat")
    with sky.budget(1) as budget:
        with pytest.raises(sky.ServerError) as caught:
            client.chat.completions.create("gpt-5", "hello", max_tokens=100)
        assert caught.value.charged is None
        assert budget.reserved > 0


def test_a_router_is_billed_by_its_own_price_whoever_answered(client, sandbox):
    made = client.chat.completions.create("deepbrain-router", "hello")
    assert made.model != made.requested_model == "deepbrain-router"
    assert made.cost == sandbox.billed_amount
