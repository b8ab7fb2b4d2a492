"""What is let in, what is refused, and in which words."""

import pytest

PATHS = {
    "new": [
        ("POST", "/v1/predictions"),
        ("GET", "/v1/models/truefusion"),
        ("DELETE", "/v1/predictions/{id}"),
    ],
    "old": [
        ("POST", "/v1/predict"),
        ("GET", "/v1/model/truefusion"),
        ("DELETE", "/v1/predictions/{id}/delete"),
    ],
}
FOX = {"model": "truefusion", "input": {"prompt": "a fox"}}


@pytest.mark.parametrize("spelling", ["new", "old"])
def test_both_spellings_of_a_path_are_the_same_endpoint(talk, spelling):
    api = talk()
    for method, path in PATHS[spelling]:
        reply = api.ask(method, path.format(id=api.made()["id"]), FOX if method == "POST" else None)
        assert reply.status == 200, path


@pytest.mark.parametrize(("paths", "absent"), [("new", "old"), ("old", "new")])
def test_one_spelling_can_be_taken_away(talk, paths, absent):
    api = talk(paths=paths)
    for method, path in PATHS[absent]:
        reply = api.ask(method, path.format(id="any"), FOX)
        assert (reply.status, reply.error_id) == (404, "ENDPOINT_NOT_FOUND"), path


@pytest.mark.parametrize(
    "path",
    [
        "/v1/nothing",
        "/v1",
        "/nothing",
        "/v1/predictions/a/b/c",
        "/v1/predictions/",
        "/v2/models",
        "/__sandbox__/x/y",
    ],
)
def test_an_unknown_path_is_an_unknown_endpoint(talk, path):
    reply = talk().ask("PUT", path)
    assert (reply.status, reply.error_id) == (404, "ENDPOINT_NOT_FOUND")


@pytest.mark.parametrize(
    "headers",
    [
        {"x_api_key": ""},
        {"x_api_key": "nonsense"},
        {"x_api_key": "sk-"},
        {"x_api_key": "", "authorization": "Bearer nonsense"},
        {"x_api_key": "", "authorization": "Basic sk-abc"},
    ],
)
@pytest.mark.parametrize("path", ["/v1/models", "/v1/predictions", "/v1/model/truefusion"])
def test_a_missing_or_wrong_key_is_unauthorized(talk, path, headers):
    reply = talk().get(path, **headers)
    assert reply.status == 401
    assert reply.json == {
        "status": False,
        "response": "Invalid API key",
        "error": {
            "http_status": 401,
            "message": "Invalid API key",
            "details": "Invalid API key",
            "error_id": "UNAUTHORIZED",
        },
    }


def test_a_key_may_come_as_a_bearer(talk):
    assert talk().get("/v1/models", x_api_key="", authorization="Bearer sk-anyone").status == 200


@pytest.mark.parametrize(
    ("key", "status", "error_id"),
    [
        ("sk-no-credit-1", 402, "INSUFFICIENT_CREDITS"),
        ("sk-suspended", 403, "ACCOUNT_SUSPENDED"),
        ("sk-forbidden", 403, "FORBIDDEN"),
        ("sk-rate-limited", 429, "RATE_LIMIT_EXCEEDED"),
        ("sk-unauthorized", 401, "UNAUTHORIZED"),
    ],
)
def test_special_keys_rehearse_an_error(talk, key, status, error_id):
    api = talk()
    reply = api.ask("POST", "/v1/predictions", FOX, x_api_key=key)
    assert (reply.status, reply.error_id) == (status, error_id)
    assert api.core.billed == {}


def test_a_key_without_credit_can_still_read(talk):
    assert talk().get("/v1/models", x_api_key="sk-no-credit").status == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"input": {"prompt": "x"}}, "model"),
        ({"model": "truefusion"}, "input"),
        ({"model": "", "input": {}}, "model"),
    ],
)
def test_a_missing_field_is_named(talk, body, field):
    reply = talk().ask("POST", "/v1/predictions", body)
    assert (reply.status, reply.error_id) == (422, "VALIDATION_ERROR")
    assert reply.details == f"The {field} field is required."


@pytest.mark.parametrize("body", [{"model": 3, "input": {}}, {"model": "truefusion", "input": "text"}])
def test_a_field_of_the_wrong_type_is_refused(talk, body):
    assert talk().ask("POST", "/v1/predictions", body).error_id == "VALIDATION_ERROR"


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b'"text"', b'{"a": NaN}', b'{"a": 1e999}', b"\xff\xfe\xfa", b"[" * 100_000]
)
def test_a_body_that_is_no_json_object_is_refused(talk, raw):
    reply = talk().ask("POST", "/v1/predictions", raw)
    assert (reply.status, reply.error_id) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize("model", ["nothing", "other/truefusion", "truefusion/", "a b&c", "Truefusion"])
def test_an_unknown_model_is_not_found(talk, model):
    reply = talk().create(model)
    assert (reply.status, reply.error_id) == (404, "MODEL_NOT_FOUND")
    assert model in reply.json["response"]


def test_a_model_of_the_inference_routes_is_not_supported_here(talk):
    reply = talk().create("gpt-5")
    assert (reply.status, reply.error_id) == (422, "MODEL_NOT_SUPPORTED")


@pytest.mark.parametrize(
    ("model", "input", "says"),
    [
        ("truefusion", {"number_of_images": 20}, "number_of_images: 20 is greater than the maximum of 9"),
        ("truefusion", {"number_of_images": 0}, "number_of_images: 0 is less than the minimum of 1"),
        ("truefusion", {"number_of_images": "two"}, "number_of_images: 'two' is not of type integer"),
        ("truefusion", {"number_of_images": True}, "number_of_images: True is not of type integer"),
        ("truefusion", {"prompt": 5}, "prompt: 5 is not of type string"),
        ("truefusion", {"prompt": "x" * 4001}, "prompt: 4001 characters are more than the maximum of 4000"),
        ("truefusion-2", {"resolution": "4k"}, "resolution: '4k' is not one of '720p', '1080p'"),
        ("truefusion-pro", {"seed": "one"}, "seed: 'one' is not of type integer"),
        ("truefusion-ultra", {"image": "fox.png"}, "image: 'fox.png' is not a link (http, https or data)"),
        ("flux-pro", {"aspect_ratio": "7:3"}, "aspect_ratio: '7:3' is not one of '1:1'"),
        ("flux-2-flex", {"input_images": ["no"]}, "input_images[0]: 'no' is not a link"),
        (
            "flux-2-flex",
            {"input_images": ["http://a/b"] * 9},
            "input_images: 9 items are more than the maximum of 8",
        ),
        (
            "beatfusion-2.0",
            {"lyrics": "la" * 2000},
            "lyrics: 4000 characters are more than the maximum of 3500",
        ),
    ],
)
def test_an_input_that_breaks_the_schema_is_refused_with_the_field_and_the_limit(talk, model, input, says):
    api = talk()
    reply = api.create(model, input=input)
    assert (reply.status, reply.error_id) == (422, "INVALID_INPUT")
    assert says in reply.details
    assert api.core.billed == {}


def test_every_broken_field_is_named_at_once(talk):
    details = talk().create("truefusion-pro", input={"width": 1, "height": 9999}).details
    assert (
        details
        == "width: 1 is less than the minimum of 256; height: 9999 is greater than the maximum of 2048"
    )


@pytest.mark.parametrize(
    ("model", "input"),
    [
        ("truefusion-pro", {"width": 1024, "height": 1024, "seed": None, "aspect_ratio": None}),
        ("truefusion-edge", {"width": 512, "height": 512}),
        ("truefusion-video-pro", {"duration_seconds": 10, "aspect_ratio": "16:9"}),
        ("skytells/truefusion-pro", {}),
        ("truefusion-ultra", {"image": "data:image/png;base64,AAAA"}),
        ("truefusion", {"something_new": {"deep": [1]}}),
        ("gpt-image-1", {"openai_api_key": "sk-own", "input_images": None}),
    ],
)
def test_a_good_input_is_accepted(talk, model, input):
    assert talk().made(model, input=input)["input"] == {"prompt": "a fox", **input}


def test_a_prompt_may_hold_anything_that_json_can(talk):
    raw = rb'{"model": "truefusion", "input": {"prompt": "\ud800 \u0000 \ud83e\udd8a"}}'
    reply = talk().ask("POST", "/v1/predictions", raw)
    assert reply.json["input"]["prompt"] == "\ud800 \0 🦊"


def test_an_unknown_prediction_is_the_documented_502_or_a_404(talk):
    reply = talk().get("/v1/predictions/nothing")
    assert (reply.status, reply.error_id) == (502, "PREDICTION_NOT_FOUND")
    assert reply.json["response"] == "Error fetching prediction"
    assert talk(missing_prediction="404").get("/v1/predictions/nothing").status == 404


def test_an_id_is_unquoted(talk):
    assert "'a/b c'" in talk().get("/v1/predictions/a%2Fb%20c").details


@pytest.mark.parametrize("shape", ["A", "B", "C", "D", "E"])
def test_an_error_body_has_the_shape_of_the_dialect(talk, shape):
    body = talk(error_shape=shape).create("nothing").json
    message = "The model with slug 'nothing' does not exist"
    if shape == "A":
        assert (body["status"], body["response"], body["error"]["message"]) == (False, message, message)
    elif shape == "B":
        assert body == {
            "error": {
                "http_status": 404,
                "message": message,
                "details": message,
                "error_id": "MODEL_NOT_FOUND",
            }
        }
    elif shape == "C":
        assert body == {"error_id": "MODEL_NOT_FOUND", "message": message}
    elif shape == "D":
        assert body == {"status": False, "response": message}
    else:
        assert body["error"]["status"] == 404
        assert body["error"]["request_id"].startswith("req_")


def test_every_answer_says_that_it_is_a_sandbox_and_when_it_was_given(talk):
    api = talk()
    for reply in (api.get("/v1/models"), api.get("/"), api.get("/v1/nothing"), api.get("/assets/a/b")):
        assert reply.headers["x-skytells-sandbox"] == "1"
        assert reply.headers["date"] == "Mon, 21 Sep 2026 14:13:20 GMT"


def test_the_front_page_says_so_to_browsers_and_programs(talk):
    api = talk()
    page = api.get("/", accept="text/html,*/*")
    assert b"not the API itself" in page.answer.body
    assert page.headers["content-type"].startswith("text/html")
    assert api.get("/").json["sandbox"] is True


def test_the_log_has_every_request_and_no_key(talk):
    api = talk()
    api.create()
    api.get("/v1/predictions?page=1", x_api_key="nonsense-secret")
    first, second = api.core.log
    assert (first.method, first.path, first.status, first.route) == ("POST", "/v1/predictions", 200, "create")
    assert (second.path, second.status) == ("/v1/predictions?page=1", 401)
    assert first.key != second.key
    assert "secret" not in repr(api.core.log)
    assert "sk-" not in repr(api.core.log)
