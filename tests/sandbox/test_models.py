"""The catalogue: what is on offer, where each fact comes from, and how it goes over the wire."""

import json

import pytest
from jsonschema import Draft202012Validator

from skytells_nb.sandbox._models import standard_catalogue

UNITS = {
    "image", "video", "second", "prediction", "gpu", "image_megapixel", "megapixel", "computing_second",
    "audio_second", "video_second", "token", "million_token", "5 seconds", "minute",
}  # fmt: skip
DOCUMENTED = {
    "truefusion": ("image", "image", 0.03),
    "truefusion-2": ("image", "image", 0.1),
    "truefusion-ultra": ("image", "image", 0.15),
    "truefusion-optima": ("image", "computing_second", 0.008),
    "flux-2-pro-legacy": ("image", "image_megapixel", 0.02),
    "gpt-image-1": ("image", "image", 0.002),
    "truefusion-video": ("video", "second", 0.112),
    "truefusion-video-pro": ("video", "second", 0.196),
    "lumo": ("video", "prediction", 1.12),
    "mera": ("video", "prediction", 2.0),
    "lipfusion": ("video", "prediction", 0.6),
    "veo-3.1": ("video", "prediction", 3.0),
    "veo-3.1-fast": ("video", "second", 0.18),
    "sora-2": ("video", "video", 0.002),
    "beatfusion-2.0": ("music", "prediction", 0.75),
    "beatfusion-1.0": ("music", "prediction", 0.45),
    "gpt-5": ("text", "million_token", 0.5),
}
ENTRIES = list(standard_catalogue().values())


def properties():
    return [each for entry in ENTRIES for each in entry.input_schema["properties"].values()]


def test_every_billing_unit_is_there():
    assert {entry.public["pricing"]["unit"] for entry in ENTRIES} == UNITS


def test_every_kind_of_model_is_there():
    assert {entry.type for entry in ENTRIES} == {"image", "video", "music", "audio", "text"}
    assert {entry.kind for entry in ENTRIES} == {"image", "video", "music", "audio", "text"}


@pytest.mark.parametrize("slug", DOCUMENTED)
def test_documented_types_units_and_prices_are_as_documented(slug):
    entry = standard_catalogue()[slug]
    pricing = entry.public["pricing"]
    assert (entry.type, pricing["unit"], pricing["amount"]) == DOCUMENTED[slug]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.slug)
def test_an_entry_names_its_source_and_has_a_sound_schema(entry):
    assert "[" in entry.source or "sandbox invention" in entry.source
    Draft202012Validator.check_schema(entry.input_schema)
    Draft202012Validator.check_schema(entry.public["output_schema"])
    each = entry.input_schema["properties"]
    assert [value["x-order"] for value in each.values()] == list(range(len(each)))
    assert set(entry.input_schema["required"]) <= set(each)
    assert all(value.get("title") or value.get("allOf") for value in each.values())
    checker = Draft202012Validator(entry.input_schema)
    for name, value in entry.defaults().items():
        assert not list(checker.descend(value, each[name], path=name)) or "allOf" in each[name]


def test_between_them_the_schemas_have_everything_a_form_must_know():
    found = properties()
    assert any("enum" in each for each in found)
    assert any("minimum" in each and each["type"] == "number" for each in found)
    assert any(each.get("nullable") for each in found)
    assert any(each.get("format") == "uri" for each in found)
    assert any(each.get("format") == "password" for each in found)
    assert any(each.get("type") == "array" for each in found)
    assert any(each.get("type") == "boolean" for each in found)
    assert any("maxLength" in each for each in found)
    assert any("allOf" in each for each in found)


def test_there_are_criteria_and_a_formula():
    pricing = {entry.slug: entry.public["pricing"] for entry in ENTRIES}
    assert [each["billable_price"] for each in pricing["veo-3.1-fast"]["criterias"]] == [0.17, 0.13]
    assert [each["value"] for each in pricing["truefusion-2"]["criterias"]] == ["720p", "1080p"]
    assert pricing["flux-2-flex"]["formula"]["terms"]


def test_most_models_need_nothing_but_a_prompt():
    only = [entry.slug for entry in ENTRIES if entry.input_schema["required"] == ["prompt"]]
    assert {"truefusion", "truefusion-pro", "truefusion-edge", "truefusion-video-pro"} <= set(only)


def test_the_list_is_a_bare_array_without_schemas_or_secrets(talk):
    listed = talk().get("/v1/models").json
    assert len(listed) >= 14
    assert not any({"input_schema", "output_schema", "source", "sandbox"} & set(each) for each in listed)
    assert "invention" not in json.dumps([each["pricing"] for each in listed])
    assert {"name", "namespace", "type", "vendor", "pricing", "capabilities", "metadata", "status"} <= set(
        listed[0]
    )


def test_schemas_come_when_they_are_asked_for(talk):
    api = talk()
    assert "input_schema" in api.get("/v1/models?fields=input_schema").json[0]
    one = api.get("/v1/models/truefusion?fields=input_schema,output_schema").json
    assert one["input_schema"]["required"] == ["prompt"]
    assert one["output_schema"]["type"] == "array"
    assert "output_schema" not in api.get("/v1/models/truefusion?fields=input_schema").json
    assert "input_schema" not in api.get("/v1/models/truefusion?fields=nonsense").json


@pytest.mark.parametrize("slug", ["skytells/truefusion-pro", "skytells%2Ftruefusion-pro", "truefusion-pro"])
def test_a_slug_may_name_its_vendor(talk, slug):
    assert talk().get(f"/v1/models/{slug}").json["namespace"] == "truefusion-pro"


def test_a_slug_with_a_dot_or_of_another_vendor_is_understood(talk):
    api = talk()
    assert api.get("/v1/model/beatfusion-2.0").json["name"] == "BeatFusion 2.0"
    assert api.get("/v1/model/google/truefusion").error_id == "MODEL_NOT_FOUND"
    assert api.get("/v1/models/nothing").status == 404


@pytest.mark.parametrize("prefix", ["sk-", "sk_live_", "sk_test_", "sk_proj_"])
def test_every_documented_form_of_a_key_is_let_in(talk, prefix):
    assert talk().get("/v1/models", x_api_key=f"{prefix}abc123").status == 200
    assert talk().get("/v1/models", x_api_key=prefix).status == 401


def test_an_access_token_for_the_console_is_no_key(talk):
    assert talk().get("/v1/models", x_api_key="sk_pat_" + "0" * 64).status == 401


def test_what_published_code_asks_for_is_accepted(talk):
    api = talk(seconds=0)
    for model, input in [
        ("FLUX.2-pro", {"prompt": "a fox"}),
        ("sora-2-pro", {"prompt": "waves", "seconds": 8}),
        ("veo-3.1", {"prompt": "waves", "duration_seconds": 5}),
        ("sora-2", {"prompt": "waves", "seconds": 6}),
        ("beatfusion-2.0", {"prompt": "slow waltz", "duration_seconds": 30}),
        ("beatfusion-2.0", {"lyrics": "la la", "audio_format": "mp3", "sample_rate": 44100}),
        ("truefusion-2.0", {"prompt": "a fox", "resolution": "720p"}),
    ]:
        assert api.ask("POST", "/v1/predictions", {"model": model, "input": input}).status == 200, model


def test_text_models_are_listed_with_the_way_they_go_and_two_prices(talk):
    listed = {each["namespace"]: each for each in talk().get("/v1/models").json}
    text = [
        "deepbrain-router",
        "gpt-5",
        "gpt-5.4",
        "gpt-5-nano",
        "kimi-k2.6",
        "skytells-3",
        "gpt-5.3-codex",
    ]
    for slug in text:
        assert listed[slug]["metadata"]["openai_compatible"] is True
        values = [each["value"] for each in listed[slug]["pricing"]["criterias"]]
        assert values == ["input", "output"]
    assert [each["billable_price"] for each in listed["gpt-5"]["pricing"]["criterias"]] == [0.5, 1.25]
    assert sum("embed" in slug for slug in listed) == 3
