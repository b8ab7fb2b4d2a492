"""Every documented shape of a prediction, read into the same plain value."""

from __future__ import annotations

import asyncio
import base64
import copy
import io
import pickle
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from skytells_nb import _lazy
from skytells_nb.exceptions import InvalidInputError, SkytellsError, SkytellsWarning
from skytells_nb.models import Metrics, Model, Prediction, PredictionList

LONG = "https://a.example/" + ".ab?" * 50_000 + " x"
FOX = "https://cdn.example/a.png"
CREATED = {  # skytells-api.md section 4.1
    "id": "3b0c1f0a-5f0e-4a53-9c53-0d7d5f1f2a10",
    "status": "pending",
    "type": "inference",
    "stream": False,
    "input": {"prompt": "a lighthouse at dusk", "aspect_ratio": "16:9"},
    "output": None,
    "created_at": "2026-03-04T21:20:58.000000Z",
    "updated_at": "2026-03-04T21:20:58.000000Z",
    "privacy": "private",
    "source": "api",
    "model": {"name": "truefusion", "type": "image"},
    "webhook": {"url": "https://example.org/hook", "events": ["completed", "failed"]},
    "urls": {
        "get": "https://api.skytells.ai/v1/predictions/3b0c1f0a",
        "cancel": "https://api.skytells.ai/v1/predictions/3b0c1f0a/cancel",
    },
}
FINISHED = {  # section 6
    "id": "00000000-0000-0000-0000-000000000001",
    "status": "succeeded",
    "stream": False,
    "type": "inference",
    "input": {"prompt": "a lighthouse"},
    "output": ["https://delivery.skytells.cloud/us/2026/01/01/out.png"],
    "created_at": "2026-01-01T00:00:00.000000Z",
    "started_at": "2026-01-01T00:00:00+00:00",
    "completed_at": "2026-01-01T00:00:11+00:00",
    "updated_at": "2026-01-01T00:00:11.000000Z",
    "privacy": "private",
    "source": "api",
    "model": {"name": "truefusion", "type": "image"},
    "webhook": {"url": None, "events": []},
    "metrics": {"image_count": 1, "predict_time": 10.5, "total_time": 10.5, "asset_count": 1},
    "metadata": {
        "billing": {"credits_used": 0.02},
        "storage": {"files": [{"name": "out.png", "type": "image/png", "size": 1024, "url": "https://…"}]},
        "data_available": True,
    },
    "urls": {"get": "…", "cancel": "…/cancel", "stream": "…/stream", "delete": "…/delete"},
}
FAILED = {  # section 6
    "id": "p-failed",
    "status": "failed",
    "model": "truefusion",
    "source": "api",
    "input": {"prompt": "…"},
    "output": None,
    "error": "Failed to generate image.",
    "data_removed": True,
    "created_at": "2026-02-27T18:58:44.725000Z",
    "started_at": "2026-02-27T18:58:44.736550Z",
    "completed_at": "2026-02-27T18:58:45.819474Z",
    "metrics": {"predict_time": 1.0828, "total_time": 1.0945},
    "urls": {},
}


def read(**fields: Any) -> Prediction:
    return Prediction.from_api({"id": "p1", **fields})


def test_one_that_was_just_created():
    p = Prediction.from_api(CREATED, origin="https://api.skytells.ai/v1")
    assert (p.id, p.status, p.done) == ("3b0c1f0a-5f0e-4a53-9c53-0d7d5f1f2a10", "queued", False)
    assert (p.model, p.model_type) == ("truefusion", "image")
    assert p.prompt == "a lighthouse at dusk"
    assert p.output is None
    assert p.webhook == {"url": "https://example.org/hook", "events": ["completed", "failed"]}
    assert p.urls == CREATED["urls"]
    assert p.created_at == datetime(2026, 3, 4, 21, 20, 58, tzinfo=UTC)
    assert (p.started_at, p.completed_at) == (None, None)
    assert p.origin == "https://api.skytells.ai/v1"
    assert p.cost is None
    assert p.metrics == Metrics()


def test_one_that_is_finished():
    p = Prediction.from_api(FINISHED)
    assert (p.status, p.done) == ("succeeded", True)
    assert p.output == ["https://delivery.skytells.cloud/us/2026/01/01/out.png"]
    assert p.cost == Decimal("0.02")
    assert p.metrics == Metrics(
        predict_time=10.5, total_time=10.5, image_count=1, asset_count=1, billing={"credits_used": 0.02}
    )
    assert p.completed_at == datetime(2026, 1, 1, 0, 0, 11, tzinfo=UTC)
    assert p.seconds == 10.5
    assert p.webhook is None
    assert p.error is None
    assert p.raw == FINISHED


def test_one_that_failed():
    p = Prediction.from_api(FAILED)
    assert (p.status, p.done, p.error) == ("failed", True, "Failed to generate image.")
    assert (p.model, p.model_type, p.urls) == ("truefusion", None, {})


def test_the_short_form_of_the_tutorials():
    p = read(status="queued", model="truefusion-pro", created_at="2026-01-01T00:00:00Z", output=None)
    assert (p.status, p.model, p.input, p.urls, p.webhook) == ("queued", "truefusion-pro", None, None, None)


def test_status_false_is_a_job_that_is_still_queued():
    """HTTP 200 with status false and an id: not finished, and no error (section 4.1)."""
    p = read(status=False, error={"message": "still queued"})
    assert (p.status, p.done, p.error) == ("queued", False, None)


@pytest.mark.parametrize(
    ("wire", "word"),
    [
        ("pending", "queued"),
        ("queued", "queued"),
        ("starting", "queued"),
        ("started", "processing"),
        ("processing", "processing"),
        ("succeeded", "succeeded"),
        ("failed", "failed"),
        ("canceled", "canceled"),
        ("cancelled", "canceled"),
        (" Succeeded ", "succeeded"),
        ("warming_up", "processing"),
        (None, "queued"),
        (False, "queued"),
    ],
)
def test_status_is_one_of_the_five_words_and_raw_keeps_what_came(wire: object, word: str):
    p = read(status=wire)
    assert p.status == word
    assert p.raw["status"] == wire


@pytest.mark.parametrize(
    ("wire", "slug"),
    [
        ("truefusion", "truefusion"),
        ("skytells/truefusion", "skytells/truefusion"),
        ({"name": "truefusion", "type": "image"}, "truefusion"),
        ({"name": "TrueFusion", "namespace": "truefusion"}, "truefusion"),
        ({"type": "image"}, None),
        (None, None),
        (7, None),
    ],
)
def test_a_model_is_a_slug_or_an_object(wire: object, slug: str | None):
    assert read(model=wire).model == slug


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.mark.parametrize(
    ("wire", "output"),
    [
        (["https://a", "https://b"], ["https://a", "https://b"]),
        ("https://a", ["https://a"]),
        ("A poem about the sea.", ["A poem about the sea."]),
        ([{"url": "https://a", "type": "image/png"}], ["https://a"]),
        ({"url": "https://a"}, ["https://a"]),
        (["https://a", None], ["https://a"]),
        ([["https://a"], ["https://b"]], ["https://a", "https://b"]),
        ([["one", "two"], "three"], ["one", "two", "three"]),
        ({"images": [{"url": "https://a", "width": 40}], "seed": 3}, ["https://a"]),
        ({"image": "https://a", "mask": "https://b"}, ["https://a", "https://b"]),
        ([{"image": "https://a", "mask": "https://b"}], ["https://a", "https://b"]),
        ({"urls": ["https://a", "https://b"]}, ["https://a", "https://b"]),
        ({"text": "hello", "urls": {"get": "https://a"}}, ["hello"]),
        ({"image": {"url": "https://a"}, "images": [{"url": "https://a"}]}, ["https://a"]),
        ({"video": {"url": "https://a", "thumbnail": "https://t"}}, ["https://a"]),
        ({"video": "https://a", "thumbnail_url": "https://t"}, ["https://a"]),
        ({"audio": {"uri": "gs://bucket/a.wav"}}, ["gs://bucket/a.wav"]),
        ([{"b64_json": "Zm94", "content_type": "image/png"}], ["data:image/png;base64,Zm94"]),
        ({"text": "Hi.", "segments": [{"text": "Hi."}], "language": "en"}, ["Hi."]),
        ({"chunks": [{"text": "Hi"}, {"text": "there"}]}, ["Hi", "there"]),
        ({"choices": [{"message": {"role": "assistant", "content": "Hi."}}]}, ["Hi."]),
        ({"captions": ["a fox", "an owl"], "model": "m"}, ["a fox", "an owl"]),
        ([{"label": "fox", "score": 0.9}], ['[{"label": "fox", "score": 0.9}]']),
        ({"text": "See https://a for more."}, ["See https://a for more."]),
        ({}, None),
        ([], []),
        ([7, 0.5], ["[7, 0.5]"]),
        ([None, {}], None),
        (None, None),
        (False, ["false"]),
        ({"image": PNG}, [f"data:image/png;base64,{PNG}"]),
        (f"{PNG[:76]}\n{PNG[76:]}\n", [f"data:image/png;base64,{PNG}"]),
        ([" https://cdn.example/a.png\n"], ["https://cdn.example/a.png"]),
        (["A", " fo", "x", "\n\n"], ["A fox\n\n"]),
        (["A fox.", " An owl."], ["A fox.", " An owl."]),
        ([PNG, "word" * 20], [f"data:image/png;base64,{PNG}", "word" * 20]),
        (["https://cdn.example/my fox.png"], ["https://cdn.example/my%20fox.png"]),
        ({"url": "https://cdn.example/my fox"}, ["https://cdn.example/my%20fox"]),
        pytest.param(LONG, [LONG], id="a long text that begins like an address"),
        ("https://cdn.example/a.png is a fox.", ["https://cdn.example/a.png is a fox."]),
    ],
)
def test_output_is_a_list_or_none(wire: object, output: list[str] | None):
    assert read(output=wire).output == output


@pytest.mark.parametrize(
    ("fields", "output"),
    [
        ({"outputs": [FOX]}, [FOX]),
        ({"result": {"video": {"url": FOX}}, "images": []}, [FOX]),
        ({"output": None, "data": [{"b64_json": PNG}]}, [f"data:image/png;base64,{PNG}"]),
        ({"urls": [FOX, FOX]}, [FOX]),
        ({"metadata": {"storage": {"files": [{"name": "a.png", "url": FOX}]}}}, [FOX]),
        ({"text": "Hi.", "result": "success"}, ["Hi."]),
        ({"output": [], "images": [FOX]}, []),
        ({"urls": {"get": FOX}, "result": "ok", "outputs": 3}, None),
        ({"metadata": {"data_available": False, "storage": {"files": [{"url": FOX}]}}}, None),
        ({"status": "failed", "images": [FOX]}, None),
    ],
)
def test_without_an_output_one_by_another_name_counts(fields: dict[str, Any], output: list[str] | None):
    body = {"status": "succeeded", **fields}
    assert read(**body).output == output


@pytest.mark.parametrize(
    "fields",
    [
        {"error": "NSFW content detected."},
        {"response": "NSFW content detected."},
        {"error_message": "NSFW content detected.", "error_id": "CONTENT", "error": None},
        {"error": {"message": "NSFW content detected."}},
        {"error": "", "response": "NSFW content detected."},
        {"error": {"code": 3}, "error_message": "NSFW content detected."},
    ],
    ids=["error", "response", "error_message", "error.message", "empty error", "error without message"],
)
def test_the_failure_text_is_found_wherever_it_is_put(fields: dict[str, Any]):
    assert read(status="failed", **fields).error == "NSFW content detected."


def test_a_response_is_no_failure_text_unless_it_failed():
    assert read(status="succeeded", response="Done.").error is None


@pytest.mark.parametrize(
    ("fields", "cost"),
    [
        ({"metadata": {"billing": {"credits_used": 0.75}}}, Decimal("0.75")),
        ({"metrics": {"billing": {"credits_used": 0.75}}}, Decimal("0.75")),
        ({"metrics": {"credits_used": 0.75}}, Decimal("0.75")),
        ({"metadata": {"credits_used": 0.75}}, Decimal("0.75")),
        ({"metadata": {"billing": {"credits_used": "0.75"}}}, Decimal("0.75")),
        ({"metadata": {"billing": {"credits_used": 0}}}, Decimal(0)),
        ({"metadata": {"billing": {"credits_used": 0.1}}}, Decimal("0.1")),
        ({"metadata": {"billing": {"credits_used": True}}}, None),
        ({"metadata": {"billing": {"credits_used": "unknown"}}}, None),
        ({"metadata": {"billing": {"credits_used": float("nan")}}}, None),
        ({"metadata": {"billing": []}}, None),
        ({"metadata": None, "metrics": None}, None),
        ({}, None),
    ],
)
def test_the_cost_is_read_wherever_and_unknown_is_not_zero(fields: dict[str, Any], cost: Decimal | None):
    assert read(**fields).cost == cost


@pytest.mark.parametrize(
    ("wire", "moment"),
    [
        ("2026-01-01T00:00:00.000000Z", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T00:00:01+00:00", datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)),
        ("2026-01-01T02:00:00+02:00", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T00:00:00", datetime(2026, 1, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        ("", None),
        (1_767_225_600, None),
        (None, None),
    ],
)
def test_times_are_aware_and_in_utc(wire: object, moment: datetime | None):
    read_at = read(created_at=wire).created_at
    assert read_at == moment
    assert read_at is None or read_at.tzinfo is UTC


def test_seconds_come_from_the_api_or_from_its_times_or_are_unknown():
    times = {"created_at": "2026-01-01T00:00:00Z", "completed_at": "2026-01-01T00:00:03Z"}
    assert read(**times, metrics={"total_time": 2.5}).seconds == 2.5
    assert read(**times).seconds == 3.0
    assert read(metrics={"predict_time": 1.5}).seconds == 1.5
    assert read().seconds is None


def test_progress_is_there_while_it_works():
    assert read(status="processing", metrics={"progress": 40}).metrics.progress == 40.0


@pytest.mark.parametrize(
    ("wire", "webhook"),
    [
        ({"url": "https://a", "events": ["completed"]}, {"url": "https://a", "events": ["completed"]}),
        ({"url": "https://a"}, {"url": "https://a", "events": []}),
        ("https://a", {"url": "https://a", "events": []}),
        ({"url": None, "events": []}, None),
        (None, None),
        (7, None),
    ],
)
def test_a_webhook_that_is_not_set_is_none(wire: object, webhook: object):
    assert read(webhook=wire).webhook == webhook


@pytest.mark.parametrize("wrong", [{}, {"id": None}, {"id": 7}, {"id": ""}, [], "p1", None, 7])
def test_only_what_has_no_id_is_refused(wrong: Any):
    with pytest.raises(SkytellsError, match="no id") as caught:
        Prediction.from_api(wrong)
    assert caught.value.charged is False


class TestTheCourse:
    """The lines of the Python course that look at a prediction."""

    def test_the_cost_idiom(self):
        told = [
            getattr(p.metrics, "billing", {}).get("credits_used", "N/A")
            for p in (Prediction.from_api(FINISHED), Prediction.from_api(CREATED))
        ]
        assert told == [0.02, "N/A"]

    def test_the_status_idiom(self):
        p = Prediction.from_api(FINISHED)
        assert f"{p.id}  {p.status:<12}  model={p.model}" == f"{p.id}  succeeded     model=truefusion"

    def test_statuses_compare_with_the_course_words(self):
        assert Prediction.from_api({"id": "p", "status": "cancelled"}).status in (
            "succeeded",
            "failed",
            "canceled",
        )


class TestAsAValue:
    def test_it_can_be_pickled_and_copied(self):
        p = Prediction.from_api(FINISHED, origin="https://api.skytells.ai/v1")
        for twin in (pickle.loads(pickle.dumps(p)), copy.deepcopy(p), copy.copy(p)):
            assert twin == p
            assert hash(twin) == hash(p)
        assert pickle.loads(pickle.dumps(Prediction("p", "failed", files=(Path("a.png"),)))).files == (
            Path("a.png"),
        )

    def test_it_does_not_change(self):
        p = Prediction.from_api(FINISHED)
        with pytest.raises(AttributeError):
            p.status = "failed"  # type: ignore[misc]
        with pytest.raises((AttributeError, TypeError)):
            p.colour = "blue"  # type: ignore[attr-defined]

    def test_one_id_at_two_apis_is_two_predictions(self):
        assert len({Prediction("p", "queued", origin="a"), Prediction("p", "queued", origin="b")}) == 2

    def test_its_repr_is_short_however_long_its_output(self):
        p = read(status="succeeded", model="gpt-5", output=["x" * 10_000, "y"], metrics={"credits_used": 1})
        assert len(repr(p)) < 200
        assert "… 2 in all" in repr(p)
        assert "cost=1" in repr(p)
        assert "error='no'" in repr(read(status="failed", error="no"))

    def test_a_short_form_remembers_what_an_earlier_reading_knew(self):
        later = Prediction.from_api({"id": CREATED["id"], "status": "succeeded"})
        whole = later.remembering(Prediction.from_api(CREATED))
        assert (whole.status, whole.model, whole.model_type, whole.prompt) == (
            "succeeded",
            "truefusion",
            "image",
            "a lighthouse at dusk",
        )
        assert whole.created_at == datetime(2026, 3, 4, 21, 20, 58, tzinfo=UTC)

    def test_a_value_that_cannot_be_drawn_says_so_in_text(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(_lazy.display_mimebundle, "package", "no_such_package")
        bundle = Prediction("p", "queued")._repr_mimebundle_()
        assert list(bundle) == ["text/plain"]
        assert "could not be drawn" in bundle["text/plain"]
        assert Prediction("p", "queued")._repr_mimebundle_(exclude={"text/plain"}) == {}


class TestAList:
    def test_it_is_a_real_list_whose_slices_stay_what_they_are(self):
        several = PredictionList([Prediction("a", "succeeded"), Prediction("b", "failed")])
        assert isinstance(several, list)
        assert several[0].id == "a"
        assert isinstance(several[:1], PredictionList)
        assert [p.id for p in reversed(several)] == ["b", "a"]

    def test_its_repr_counts_the_statuses(self):
        several = PredictionList([Prediction("a", "succeeded"), Prediction("b", "failed")])
        assert repr(several) == "PredictionList of 2: 1 succeeded, 1 failed"
        assert repr(PredictionList()) == "PredictionList of 0"

    def test_it_can_be_pickled(self):
        several = PredictionList([Prediction.from_api(FINISHED)])
        twin = pickle.loads(pickle.dumps(several))
        assert (type(twin), twin) == (PredictionList, several)


class TestVerbs:
    def test_its_url_is_its_first_outputs(self):
        assert read(output=["https://a/1.png", "https://a/2.png"]).url == "https://a/1.png"
        assert read(output="A poem.").url is None
        assert read(output=None).url is None

    def test_it_opens_saves_and_shows_itself(self, tmp_path, capsys):
        dot = io.BytesIO()
        Image.new("RGB", (2, 1)).save(dot, "PNG")
        uri = "data:image/png;base64," + base64.b64encode(dot.getvalue()).decode()
        fox = read(status="succeeded", model="truefusion", output=["data:text/plain;base64,Zm94", uri])
        assert fox.load() == "fox"
        assert fox.image.size == fox.load(1).size == (2, 1)
        assert [path.name for path in fox.save(tmp_path / "fox.png", 1)] == ["fox.png"]
        fox.show()
        assert "truefusion · succeeded" in capsys.readouterr().out

    def test_one_without_a_picture_says_so(self):
        with pytest.raises(InvalidInputError, match=r"^Prediction p1 has no picture\.$"):
            _ = read(output="data:text/plain;base64,Zm94").image
        with pytest.raises(InvalidInputError, match=r"has no picture: it is queued\.$"):
            _ = read(status="queued").image

    def test_one_await_too_many_gives_it_back_and_says_so(self):
        async def too_many(value):
            return await value

        for value in (read(status="succeeded"), Model("lumo")):
            with pytest.warns(SkytellsWarning, match="need no `await`"):
                assert asyncio.run(too_many(value)) is value
