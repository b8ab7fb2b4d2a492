"""A prediction lives by the clock, and speaks the dialect it was told to."""

import pytest


def test_a_prediction_goes_from_pending_through_processing_to_succeeded(talk, clock):
    api = talk(seconds=10)
    id = api.made()["id"]
    seen = [(api.read(id)["status"], api.read(id)["output"] is not None)]
    for _ in range(80):
        clock.forward(0.125)
        now = api.read(id)
        if now["status"] != seen[-1][0]:
            seen.append((now["status"], now["output"] is not None))
    assert seen == [("pending", False), ("starting", False), ("processing", False), ("succeeded", True)]


def test_progress_grows_while_it_is_processing_and_is_gone_afterwards(talk, clock):
    api = talk(seconds=10)
    id = api.made()["id"]
    assert api.read(id)["metrics"] == {}
    clock.forward(5)
    half = api.read(id)["metrics"]["progress"]
    clock.forward(4)
    assert 30 < half < api.read(id)["metrics"]["progress"] < 100
    clock.forward(1)
    assert "progress" not in api.read(id)["metrics"]


def test_a_finished_image_has_every_documented_field(talk, clock):
    api = talk(seconds=10)
    id = api.made(input={"number_of_images": 2, "aspect_ratio": "16:9"})["id"]
    clock.forward(10)
    done = api.read(id)
    base = f"http://sandbox.test/v1/predictions/{id}"
    files = [f"http://sandbox.test/assets/{id}/output_{index}.png" for index in range(2)]
    assert done["output"] == files
    assert done["type"] == "inference"
    assert done["model"] == {"name": "truefusion", "type": "image"}
    assert done["input"] == {"prompt": "a fox", "number_of_images": 2, "aspect_ratio": "16:9"}
    assert done["webhook"] == {"url": None, "events": []}
    assert done["urls"] == {
        "get": base,
        "cancel": f"{base}/cancel",
        "stream": f"{base}/stream",
        "delete": f"{base}/delete",
    }
    assert done["metrics"]["total_time"] == 10
    assert 8 < done["metrics"]["predict_time"] < 10
    assert (done["metrics"]["image_count"], done["metrics"]["asset_count"]) == (2, 2)
    assert done["metadata"]["billing"]["credits_used"] == 0.06
    assert done["metadata"]["data_available"] is True
    assert [each["url"] for each in done["metadata"]["storage"]["files"]] == files
    assert done["metadata"]["storage"]["files"][0]["type"] == "image/png"
    assert done["created_at"] < done["started_at"] < done["completed_at"] == done["updated_at"]


def test_an_id_starts_with_sandbox_unless_uuids_are_asked_for(talk):
    assert talk().made()["id"].startswith("sandbox-")
    assert len(talk(ids="uuid").made()["id"]) == 36


def test_the_same_seed_gives_the_same_ids_key_and_durations(talk, clock):
    one, two, other = talk(seed=7), talk(seed=7), talk(seed=8)
    assert one.core.state.api_key == two.core.state.api_key != other.core.state.api_key
    first, second, third = one.made(), two.made(), other.made()
    assert first["id"] == second["id"] != third["id"]
    clock.forward(5)
    assert one.read(first["id"])["metrics"] == two.read(second["id"])["metrics"]


def test_an_edge_picture_is_there_in_half_a_second_and_a_video_takes_long_enough_to_cancel(talk, clock):
    api = talk()
    edge, image, video = (
        api.made(model)["id"] for model in ("truefusion-edge", "truefusion-pro", "truefusion-video-pro")
    )
    clock.forward(0.5)
    assert [api.read(id)["status"] for id in (edge, image, video)] == ["succeeded", "processing", "pending"]
    clock.forward(3)
    assert [api.read(id)["status"] for id in (edge, image, video)] == ["succeeded", "succeeded", "processing"]
    clock.forward(14)
    assert api.read(video)["status"] == "processing"
    clock.forward(14)
    assert api.read(video)["status"] == "succeeded"


def test_jobs_of_no_length_have_ended_in_the_first_answer(talk):
    api = talk(seconds=0)
    assert [api.made()["status"] for _ in range(3)] == ["succeeded"] * 3


def test_speed_makes_every_job_shorter(talk, clock):
    api = talk(speed=10)
    id = api.made("truefusion-video-pro")["id"]
    clock.forward(3)
    assert api.read(id)["status"] == "succeeded"


def test_a_text_model_answers_with_one_string_and_has_no_files(talk, clock):
    api = talk(seconds=0)
    done = api.made("sandbox-scribe", "the sea")
    assert done["output"].startswith("You asked: “the sea”")
    assert done["metadata"]["storage"]["files"] == []
    assert "asset_count" not in done["metrics"]


def test_music_is_one_link(talk):
    done = talk(seconds=0).made("beatfusion-2.0", input={"lyrics": "la la"})
    assert done["output"].endswith("output_0.wav")
    assert done["model"]["type"] == "music"
    assert done["metadata"]["billing"]["credits_used"] == 0.75


def test_await_holds_the_answer_back_except_for_a_video(talk):
    api = talk(seconds=10)
    held = api.create(**{"await": True}).answer
    assert held.hold is not None
    assert api.core.seconds_left(held.hold) == pytest.approx(10, abs=0.001)
    assert api.create("truefusion-video-pro", **{"await": True}).answer.hold is None
    assert api.create().answer.hold is None


def test_stream_information_is_a_prediction_with_the_address_of_its_stream(talk):
    api = talk()
    id = api.made(stream=True)["id"]
    shown = api.get(f"/v1/predictions/{id}/stream").json
    assert shown["id"] == id
    assert shown["stream"] is True
    assert shown["urls"]["stream"].endswith(f"{id}/stream")


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("pending", ["pending", "starting", "processing"]),
        ("queued", ["queued", "queued", "processing"]),
        ("starting", ["starting", "starting", "processing"]),
    ],
)
def test_the_first_status_is_the_dialects(talk, clock, option, words):
    api = talk(seconds=10, first_status=option)
    id = api.made()["id"]
    seen = [api.read(id)["status"]]
    clock.forward(0.8)
    seen.append(api.read(id)["status"])
    clock.forward(2)
    seen.append(api.read(id)["status"])
    assert seen == words


def test_the_model_is_an_object_a_display_name_or_a_string(talk):
    assert talk(model="object").made()["model"] == {"name": "truefusion", "type": "image"}
    assert talk(model="display").made()["model"] == {"name": "TrueFusion", "type": "image"}
    assert talk(model="string").made()["model"] == "truefusion"


def test_billing_sits_in_the_metadata_or_in_the_metrics(talk):
    there = talk(seconds=0).made()
    assert there["metadata"]["billing"] == {"credits_used": 0.03}
    assert "billing" not in there["metrics"]
    elsewhere = talk(seconds=0, billing="metrics").made()
    assert elsewhere["metrics"]["billing"] == {"credits_used": 0.03}
    assert "billing" not in elsewhere["metadata"]


def test_an_output_can_be_told_to_be_a_list_or_a_string(talk):
    assert isinstance(talk(seconds=0).made()["output"], list)
    assert isinstance(talk(seconds=0, output="string").made()["output"], str)
    two = talk(seconds=0, output="string").made(input={"number_of_images": 2})["output"]
    assert len(two) == 2
    assert isinstance(talk(seconds=0, output="array").made("sandbox-looper")["output"], list)


def test_times_are_zulu_or_offset_or_both_in_one_object(talk):
    def ends(style):
        done = talk(seconds=0, timestamps=style).made()
        return [done[name][-6:] for name in ("created_at", "updated_at", "started_at", "completed_at")]

    assert {each[-1] for each in ends("zulu")} == {"Z"}
    assert set(ends("offset")) == {"+00:00"}
    assert [each[-1] for each in ends("mixed")] == ["Z", "Z", "0", "0"]


def test_a_create_can_be_answered_202(talk):
    assert talk(create_status="202").create().status == 202
