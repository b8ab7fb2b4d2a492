"""Rates: how many requests, how many jobs, and what the headers say."""

import pytest


def test_requests_beyond_the_limit_wait_for_the_window_to_move(talk, clock):
    api = talk(rate_limit=2)
    assert [api.get("/v1/models").status for _ in range(2)] == [200, 200]
    clock.forward(20.5)
    late = api.get("/v1/models")
    assert (late.status, late.error_id, late.headers["retry-after"]) == (429, "RATE_LIMIT_EXCEEDED", "40")
    assert late.json["response"] == "Too many requests"
    clock.forward(39.5)
    assert api.get("/v1/models").status == 200


@pytest.mark.parametrize(
    ("form", "header"), [("seconds", "40"), ("fraction", "39.50"), ("date", "Mon, 21 Sep 2026 14:14:20 GMT")]
)
def test_the_time_to_come_back_is_written_as_the_dialect_has_it(talk, clock, form, header):
    api = talk(rate_limit=1, retry_after=form)
    api.get("/v1/models")
    clock.forward(20.5)
    assert api.get("/v1/models").headers["retry-after"] == header


def test_a_request_without_a_key_and_a_file_do_not_count(talk):
    api = talk(rate_limit=1)
    api.get("/v1/models", x_api_key="")
    api.get("/assets/a/b")
    assert api.get("/v1/models").status == 200


def test_the_newer_headers_tell_limit_and_rest(talk):
    api = talk(rate_limit=25)
    api.get("/v1/models")
    headers = api.get("/v1/models").headers
    assert headers["x-skytells-ratelimit-limit-requests"] == "25"
    assert headers["x-skytells-ratelimit-remaining-requests"] == "23"
    assert headers["x-skytells-ratelimit-window"] == "60"
    assert headers["x-skytells-ratelimit-limit-tokens-in"] == "-"


def test_what_is_not_limited_is_a_dash(talk):
    headers = talk().get("/v1/models").headers
    assert headers["x-skytells-ratelimit-limit-requests"] == "-"
    assert headers["x-skytells-ratelimit-remaining-requests"] == "-"


def test_the_older_headers_tell_requests_and_jobs(talk, clock):
    api = talk(rate_limit=25, concurrency=3, rate_headers="old")
    headers = api.create().headers
    assert headers["x-ratelimit-limit-rpm"] == "25"
    assert headers["x-ratelimit-remaining-rpm"] == "24"
    assert headers["x-ratelimit-limit-concurrent"] == "3"
    assert headers["x-ratelimit-remaining-concurrent"] == "2"
    assert int(headers["x-ratelimit-reset"]) == int(clock.now) + 60


def test_a_job_too_many_is_refused_until_one_ends(talk, clock):
    api = talk(concurrency=2, seconds=10)
    api.made()
    clock.forward(4)
    api.made()
    reply = api.create()
    assert (reply.status, reply.headers["retry-after"]) == (429, "6")
    assert len(api.core.billed) == 2
    clock.forward(6)
    assert api.create().status == 200


def test_a_cancelled_or_deleted_job_makes_room(talk):
    api = talk(concurrency=1)
    id = api.made()["id"]
    api.ask("POST", f"/v1/predictions/{id}/cancel")
    id = api.made()["id"]
    api.ask("DELETE", f"/v1/predictions/{id}")
    assert api.create().status == 200


def test_a_text_model_counts_its_own_requests_and_tokens(talk, clock):
    api = talk(rate_limit=3, token_limit=10, seconds=0)

    def chat(model):
        messages = [{"role": "user", "content": "Why is the sea blue?"}]
        return api.ask("POST", "/v1/chat/completions", {"model": model, "messages": messages})

    headers = chat("gpt-5").headers
    assert headers["x-skytells-ratelimit-remaining-requests"] == "2"
    assert headers["x-skytells-ratelimit-limit-tokens-in"] == "10"
    assert headers["x-skytells-ratelimit-remaining-tokens-in"] == "5"
    clock.forward(20)
    late = chat("gpt-5")
    assert (late.status, late.error_id, late.headers["retry-after"]) == (429, "INFERENCE_RATE_LIMITED", "40")
    assert chat("gpt-5-nano").status == 200
    assert [api.get("/v1/models").status for _ in range(4)] == [200, 200, 200, 429]
    clock.forward(40)
    assert chat("gpt-5").status == 200
