"""Whatever is asked, something is answered: with a status, a JSON body, and no bill for what was refused."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

paths = st.one_of(
    st.sampled_from(
        ["/", "/v1/predictions", "/v1/predict", "/v1/models", "/v1/predictions/x/cancel", "/assets/a/b"]
    ),
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?#"), max_size=30).map(
        "/v1/".__add__
    ),
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
creates = st.fixed_dictionaries(
    {"model": st.sampled_from(["truefusion", "truefusion-pro", "sandbox-scribe", "flux-2-flex"]) | values},
    optional={
        "input": st.dictionaries(
            st.sampled_from(["prompt", "width", "seed", "num_outputs", "input_images"]) | st.text(), values
        )
        | values,
        "webhook": values
        | st.fixed_dictionaries({"url": st.just("http://a.test/b") | values, "events": values}),
        "webhook_events_filter": values,
        "await": values,
        "stream": values,
    },
)
bodies = (
    st.binary(max_size=50)
    | creates.map(lambda body: json.dumps(body).encode())
    | values.map(lambda v: json.dumps(v).encode())
)
patient = settings(max_examples=40, suppress_health_check=list(HealthCheck))


@patient
@given(
    method=st.sampled_from(["GET", "POST", "DELETE", "PUT", "HEAD"]),
    path=paths,
    query=st.text(max_size=20),
    body=bodies,
)
def test_any_request_is_answered(talk, method, path, query, body):
    api = talk()
    reply = api.ask(method, f"{path}?{query}", body)
    assert 200 <= reply.status < 600
    assert reply.json is not None or reply.answer.asset is not None


@patient
@given(body=bodies)
def test_a_create_is_billed_exactly_when_it_is_accepted(talk, body):
    api = talk()
    reply = api.ask("POST", "/v1/predictions", body)
    assert len(api.core.billed) == (reply.status == 200)
    assert len(api.get("/v1/predictions").json["data"]) == (reply.status == 200)
    assert reply.status in (200, 400, 404, 422)


@patient
@given(name=st.text(max_size=8), value=st.text(max_size=20) | st.just("sk-ünïcode"))
def test_any_header_is_survived(talk, name, value):
    assert talk().ask("GET", "/v1/models", **{"x_api_key": value, f"x{name}": value}).status in (
        200,
        401,
        403,
        429,
    )
