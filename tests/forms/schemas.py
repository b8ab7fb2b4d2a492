"""Thirty input schemas in the shapes that public hosts of models write, each with an input that it takes.

Written for these tests; the names are made up, the dialects are not: references and ``allOf`` around an
enum, ``anyOf`` with null, a preset or an object, upper-case types, titled constants, conditions in ``allOf``,
``dependencies``, tuples, lists of objects, secrets, orders, hints for forms.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Example(NamedTuple):
    """A schema, and an input that it takes."""

    schema: dict[str, Any]
    input: dict[str, Any]


def obj(properties: dict[str, Any], *required: str, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), **more}


def optional(part: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Write an optional input as pydantic does."""
    return {"anyOf": [part, {"type": "null"}], **more}


def when(name: str, value: Any, then: dict[str, Any], **other: Any) -> dict[str, Any]:
    return {"if": {"properties": {name: {"const": value}}, "required": [name]}, "then": then, **other}


TEXT = {"type": "string"}
URL = {"type": "string", "format": "uri"}
WHOLE = {"type": "integer"}
PROMPT = {"type": "string", "title": "Prompt", "description": "What to make."}
SEED = {"type": "integer", "title": "Seed", "minimum": 0, "maximum": 4294967295}
FOX = "a red fox in snow"
PICTURE = "https://files.example/fox.png"
LORA = obj({"path": TEXT, "scale": {"type": "number", "minimum": 0, "maximum": 4, "default": 1}}, "path")
SIZE = obj({"width": {"type": "integer", "maximum": 4096}, "height": {"type": "integer", "maximum": 4096}})

EXAMPLES: dict[str, Example] = {
    "image, references around enums": Example(
        obj(
            {
                "prompt": {**PROMPT, "x-order": 0},
                "aspect_ratio": {"allOf": [{"$ref": "#/definitions/ratio"}], "default": "1:1", "x-order": 1},
                "num_outputs": {"type": "integer", "minimum": 1, "maximum": 4, "default": 1, "x-order": 2},
                "output_format": {"allOf": [{"$ref": "#/definitions/format"}], "default": "webp"},
                "disable_safety_checker": {"type": "boolean", "default": False},
                "seed": SEED,
            },
            "prompt",
            definitions={
                "ratio": {"enum": ["1:1", "16:9", "21:9", "3:2"], "type": "string", "title": "aspect_ratio"},
                "format": {"enum": ["webp", "jpg", "png"], "type": "string", "title": "output_format"},
            },
        ),
        {"prompt": FOX, "aspect_ratio": "16:9", "num_outputs": 2, "output_format": "png", "seed": 7},
    ),
    "image, a preset or an object": Example(
        obj(
            {
                "prompt": PROMPT,
                "image_size": {
                    "anyOf": [{"$ref": "#/components/schemas/Size"}, {"enum": ["square_hd", "portrait_4_3"]}],
                    "default": "square_hd",
                },
                "loras": {"type": "array", "items": {"$ref": "#/components/schemas/Lora"}, "default": []},
                "enable_safety_checker": {"type": "boolean", "default": True},
            },
            "prompt",
            components={"schemas": {"Size": SIZE, "Lora": LORA}},
            **{"x-fal-order-properties": ["prompt", "image_size", "loras"]},
        ),
        {
            "prompt": FOX,
            "image_size": {"width": 1280, "height": 720},
            "loras": [{"path": "a.safetensors"}, {"path": "b.safetensors", "scale": 0.5}],
        },
    ),
    "image, upper-case types": Example(
        {
            "type": "OBJECT",
            "properties": {
                "prompt": {"type": "STRING"},
                "sampleCount": {"type": "INTEGER", "minimum": 1, "maximum": 4},
                "personGeneration": {"type": "STRING", "enum": ["DONT_ALLOW", "ALLOW_ADULT"]},
                "addWatermark": {"type": "BOOLEAN", "nullable": True},
            },
            "propertyOrdering": ["prompt", "sampleCount"],
            "required": ["prompt"],
        },
        {"prompt": FOX, "sampleCount": 3, "personGeneration": "ALLOW_ADULT", "addWatermark": False},
    ),
    "image, labels beside an enum": Example(
        obj(
            {
                "prompt": PROMPT,
                "style": {"enum": [1, 2, 3], "enumNames": ["Photo", "Drawing", "Oil"], "default": 1},
                "sampler": {
                    "oneOf": [
                        {"const": "euler_a", "title": "Euler, ancestral"},
                        {"const": "dpmpp_2m", "title": "DPM++ 2M"},
                    ]
                },
                "background": {"type": "string", "format": "color"},
                "tags": {"type": "array", "items": {"enum": ["hdr", "film", "macro"]}},
            },
            "prompt",
        ),
        {"prompt": FOX, "style": 2, "sampler": "dpmpp_2m", "background": "#ff8800", "tags": ["macro", "hdr"]},
    ),
    "image, many numbers": Example(
        obj(
            {
                "prompt": PROMPT,
                "negative_prompt": optional(TEXT, default=None),
                "width": {
                    "type": "integer",
                    "minimum": 256,
                    "maximum": 2048,
                    "multipleOf": 8,
                    "default": 1024,
                },
                "guidance_scale": {"type": "number", "minimum": 1, "maximum": 20, "default": 3.5},
                "strength": {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": 0.85},
                "num_inference_steps": {"type": "integer", "minimum": 1, "maximum": 50, "default": 28},
                "seed": optional(SEED, default=None),
            },
            "prompt",
        ),
        {"prompt": FOX, "width": 768, "guidance_scale": 7.25, "strength": 0.123456789012, "seed": 2**32 - 1},
    ),
    "image, a key of one's own": Example(
        obj(
            {
                "prompt": PROMPT,
                "openai_api_key": {"type": "string", "x-cog-secret": True, "format": "password"},
                "quality": {"type": "string", "enum": ["low", "medium", "high", "auto"], "default": "auto"},
                "user_id": optional(TEXT),
            },
            "prompt",
            "openai_api_key",
        ),
        {"prompt": FOX, "openai_api_key": "hunter2", "quality": "high", "user_id": "u-1"},
    ),
    "edit, a list of pictures": Example(
        obj(
            {
                "prompt": PROMPT,
                "image_urls": {"type": "array", "items": URL, "minItems": 1, "maxItems": 8},
                "mask": optional(URL, title="Mask"),
                "output_compression": optional({"type": "integer", "minimum": 0, "maximum": 100}),
            },
            "prompt",
            "image_urls",
        ),
        {"prompt": "the same at night", "image_urls": [PICTURE, "s3://bucket/b.png"], "mask": PICTURE},
    ),
    "edit, boxes and points": Example(
        obj(
            {
                "image": URL,
                "box": {"type": "array", "prefixItems": [WHOLE, WHOLE, WHOLE, WHOLE], "items": False},
                "points": {
                    "type": "array",
                    "items": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
                },
                "labels": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 1}},
            },
            "image",
        ),
        {"image": PICTURE, "box": [0, 0, 640, 480], "points": [[1.5, 2], [3, 4]], "labels": [0, 1]},
    ),
    "edit, a tuple of draft 7": Example(
        obj(
            {
                "image": URL,
                "size": {"type": "array", "items": [WHOLE, WHOLE], "additionalItems": False},
                "keep": {"type": "boolean"},
            },
            "image",
        ),
        {"image": PICTURE, "size": [1024, 768], "keep": True},
    ),
    "edit, a text or a picture": Example(
        obj(
            {"seed": SEED},
            oneOf=[
                {"title": "Text", "properties": {"prompt": TEXT}, "required": ["prompt"]},
                {"title": "Picture", "properties": {"image": URL}, "required": ["image"]},
            ],
        ),
        {"seed": 5, "image": PICTURE},
    ),
    "upscale, conditions": Example(
        obj(
            {"image": URL, "mode": {"enum": ["factor", "size"], "default": "factor"}},
            "image",
            allOf=[
                when("mode", "factor", obj({"factor": {"enum": [2, 4, 8]}})),
                when("mode", "size", obj({"width": WHOLE, "height": WHOLE}, "width")),
            ],
        ),
        {"image": PICTURE, "mode": "size", "width": 4096},
    ),
    "upscale, then and else": Example(
        obj(
            {"image": URL, "face": {"type": "boolean", "default": False}},
            "image",
            **when(
                "face",
                True,
                {"properties": {"fidelity": {"type": "number", "minimum": 0, "maximum": 1}}},
                **{"else": {"properties": {"denoise": {"type": "integer", "minimum": 0, "maximum": 3}}}},
            ),
        ),
        {"image": PICTURE, "face": True, "fidelity": 0.5},
    ),
    "video, keyframes": Example(
        obj(
            {
                "prompt": PROMPT,
                "keyframes": {
                    "type": "array",
                    "items": obj(
                        {"image_url": URL, "position": {"type": "number", "minimum": 0}}, "image_url"
                    ),
                },
                "duration": {"enum": ["5", "10"], "default": "5"},
                "loop": {"type": "boolean", "default": False},
            },
            "prompt",
        ),
        {
            "prompt": "waves",
            "keyframes": [{"image_url": PICTURE, "position": 0}, {"image_url": "gs://b/2.png"}],
            "duration": "10",
        },
    ),
    "video, frames of several kinds": Example(
        obj(
            {
                "prompt": PROMPT,
                "frame0": {
                    "oneOf": [
                        obj({"type": {"const": "image"}, "url": URL}, "type", "url", title="Picture"),
                        obj(
                            {"type": {"const": "generation"}, "id": TEXT}, "type", "id", title="Earlier clip"
                        ),
                    ]
                },
                "resolution": {"anyOf": [{"enum": ["540p", "720p"]}, {"type": "string"}], "default": "720p"},
            },
            "prompt",
        ),
        {"prompt": "waves", "frame0": {"type": "generation", "id": "g-1"}, "resolution": "1080p"},
    ),
    "video, a length that may be null": Example(
        obj(
            {
                "prompt": PROMPT,
                "duration_seconds": optional({"type": "integer", "enum": [4, 6, 8]}),
                "generate_audio": {"type": "boolean", "default": True},
                "camera_fixed": {"type": "boolean"},
                "fps": {"type": "integer", "const": 24},
            },
            "prompt",
        ),
        {"prompt": "waves", "duration_seconds": 6, "generate_audio": False, "camera_fixed": True},
    ),
    "video, an object by default null": Example(
        obj(
            {
                "prompt": PROMPT,
                "camera_control": optional(
                    obj(
                        {
                            "type": {"enum": ["simple", "forward_up"], "default": "simple"},
                            "config": obj({"pan": {"type": "number", "minimum": -10, "maximum": 10}}),
                        }
                    ),
                    default=None,
                ),
                "image_tail": optional(URL),
            },
            "prompt",
        ),
        {"prompt": "waves", "camera_control": {"type": "forward_up", "config": {"pan": -2.5}}},
    ),
    "video, lips": Example(
        obj(
            {
                "video_url": {**URL, "ui": {"field": "video"}},
                "audio_url": {**URL, "ui": {"field": "audio"}},
                "sync_mode": {
                    "enum": ["cut_off", "loop", "bounce", "silence", "remap"],
                    "default": "cut_off",
                },
            },
            "video_url",
            "audio_url",
        ),
        {"video_url": "hf://datasets/a/b.mp4", "audio_url": "https://a.example/b.mp3", "sync_mode": "loop"},
    ),
    "speech, settings of a voice": Example(
        obj(
            {
                "text": {"type": "string", "maxLength": 5000},
                "voice": {"anyOf": [{"enum": ["ada", "bob", "cy"]}, {"type": "string"}], "default": "ada"},
                "voice_settings": obj(
                    {
                        "stability": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.5},
                        "use_speaker_boost": {"type": "boolean", "default": True},
                    }
                ),
                "pronunciation": {
                    "type": "array",
                    "items": obj({"dictionary_id": TEXT, "version_id": TEXT}, "dictionary_id"),
                },
            },
            "text",
        ),
        {
            "text": "Good evening.\nAnd good night.",
            "voice": "my-own",
            "voice_settings": {"stability": 0.25},
            "pronunciation": [{"dictionary_id": "d1", "version_id": "v2"}],
        },
    ),
    "speech, several speakers": Example(
        obj(
            {
                "script": TEXT,
                "speakers": {
                    "type": "array",
                    "items": obj({"name": TEXT, "voice": {"enum": ["a", "b"]}}, "name"),
                },
                "speed": {"type": "number", "minimum": 0.25, "maximum": 4, "default": 1},
                "format": {"enum": ["mp3", "wav", "flac", "opus", "pcm"], "default": "mp3"},
            },
            "script",
        ),
        {"script": "A: Hello.\nB: Hello!", "speakers": [{"name": "A", "voice": "b"}], "speed": 1.1},
    ),
    "music, lyrics in a mode": Example(
        obj(
            {
                "prompt": PROMPT,
                "custom_mode": {"type": "boolean", "default": False},
                "lyrics": {"type": "string", "description": "Lines, with [Verse] and [Chorus]."},
                "title": {"type": "string", "maxLength": 80},
            },
            "prompt",
            dependencies={"lyrics": ["title"], "custom_mode": {"properties": {"style": TEXT}}},
        ),
        {"prompt": "slow", "custom_mode": True, "lyrics": "[Verse]\n\nSnow", "title": "Fox", "style": "folk"},
    ),
    "music, sections": Example(
        obj(
            {
                "prompt": PROMPT,
                "sections": {
                    "type": "array",
                    "items": obj(
                        {
                            "kind": {"enum": ["intro", "verse", "chorus", "outro"]},
                            "seconds": {"type": "integer", "minimum": 1, "maximum": 60},
                            "lines": {"type": "array", "items": TEXT},
                        },
                        "kind",
                    ),
                },
                "bpm": optional({"type": "integer", "minimum": 40, "maximum": 220}),
            },
            "prompt",
        ),
        {
            "prompt": "slow",
            "sections": [{"kind": "verse", "seconds": 20, "lines": ["Snow", "Fox"]}],
            "bpm": 90,
        },
    ),
    "transcription, granularities": Example(
        obj(
            {
                "audio": {**URL, "contentMediaType": "audio/*"},
                "language": optional({"type": "string", "enum": ["en", "de", "fr", "ja", "he"]}),
                "timestamp_granularities": {
                    "type": "array",
                    "items": {"enum": ["word", "segment"]},
                    "default": ["segment"],
                },
                "temperature": {"type": "number", "minimum": 0, "maximum": 1, "default": 0},
                "vocabulary": {"type": "array", "items": TEXT, "default": []},
            },
            "audio",
        ),
        {
            "audio": "gs://bucket/talk.wav",
            "language": "he",
            "timestamp_granularities": ["word", "segment"],
            "vocabulary": [" edge ", "two\nlines", ""],
        },
    ),
    "transcription, a number or auto": Example(
        obj(
            {
                "file": {"type": "string", "format": "binary"},
                "speakers": {"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1, "maximum": 20}]},
                "diarize": {"type": ["boolean", "null"]},
            },
            "file",
        ),
        {"file": "https://a.example/b.wav", "speakers": 3, "diarize": True},
    ),
    "chat, plain messages": Example(
        obj(
            {
                "messages": {
                    "type": "array",
                    "minItems": 1,
                    "items": obj(
                        {"role": {"enum": ["system", "user", "assistant"]}, "content": TEXT},
                        "role",
                        "content",
                    ),
                },
                "stop": {"anyOf": [{"type": "string"}, {"type": "array", "items": TEXT}]},
                "max_tokens": {"type": "integer", "minimum": 1, "default": 8192},
                "temperature": {"type": "number", "minimum": 0, "maximum": 2},
            },
            "messages",
        ),
        {"messages": [{"role": "user", "content": "hello\n"}], "stop": ["\n\n", "###"], "temperature": 0.7},
    ),
    "chat, parts of content": Example(
        obj(
            {
                "messages": {
                    "type": "array",
                    "items": obj(
                        {
                            "role": {"enum": ["user", "assistant"]},
                            "content": {
                                "anyOf": [
                                    {"type": "string"},
                                    {
                                        "type": "array",
                                        "items": {
                                            "oneOf": [
                                                obj(
                                                    {"type": {"const": "text"}, "text": TEXT}, "type", "text"
                                                ),
                                                obj(
                                                    {
                                                        "type": {"const": "image_url"},
                                                        "image_url": obj({"url": URL}, "url"),
                                                    },
                                                    "type",
                                                    "image_url",
                                                ),
                                            ]
                                        },
                                    },
                                ]
                            },
                        },
                        "role",
                        "content",
                    ),
                },
                "response_format": {"enum": ["text", "json_object"]},
            },
            "messages",
        ),
        {
            "messages": [
                {"role": "assistant", "content": "What is it?"},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "this"},
                        {"type": "image_url", "image_url": {"url": PICTURE}},
                    ],
                },
            ]
        },
    ),
    "chat, a template with line breaks": Example(
        obj(
            {
                "prompt": PROMPT,
                "prompt_template": {"type": "string", "default": "system:\n\n{system}\n\nuser: {prompt}"},
                "system_prompt": {"type": "string", "default": ""},
                "top_k": {"type": "integer", "minimum": -1, "default": 50},
                "logit_bias": optional(
                    {"type": "array", "items": obj({"token": WHOLE, "bias": {"type": "number"}})}
                ),
            },
            "prompt",
        ),
        {"prompt": "hello", "prompt_template": "{prompt}\n", "logit_bias": [{"token": 5, "bias": -100}]},
    ),
    "training, a LoRA": Example(
        obj(
            {
                "input_images": {"type": "string", "format": "uri", "description": "A zip of pictures."},
                "trigger_word": {"type": "string", "default": "TOK"},
                "steps": {"type": "integer", "minimum": 3, "maximum": 6000, "default": 1000},
                "learning_rate": {"type": "number", "default": 0.0004},
                "resolution": {"type": "string", "default": "512,768,1024"},
                "layers": {"type": ["array", "null"], "items": TEXT},
            },
            "input_images",
        ),
        {"input_images": "https://a.example/foxes.zip", "learning_rate": 1.5e-12, "layers": ["a.0", "b.1"]},
    ),
    "training, a sweep": Example(
        obj(
            {
                "dataset": obj(
                    {"url": URL, "split": {"enum": ["train", "test"], "default": "train"}},
                    "url",
                    title="Dataset",
                ),
                "hyperparameters": obj(
                    {
                        "epochs": {"anyOf": [{"const": "auto"}, WHOLE], "default": "auto"},
                        "rates": {"type": "array", "items": {"type": "number"}},
                    }
                ),
                "suffix": optional({"type": "string", "maxLength": 18}, default=None),
            },
            "dataset",
        ),
        {
            "dataset": {"url": "hf://datasets/a/b", "split": "test"},
            "hyperparameters": {"epochs": 3, "rates": [0.1, 0.01]},
        },
    ),
    "training, methods": Example(
        obj(
            {
                "base": {"enum": ["small", "large"]},
                "method": {
                    "anyOf": [
                        obj({"name": {"const": "lora"}, "rank": {"enum": [8, 16, 32, 64, 128]}}, "name"),
                        obj({"name": {"const": "full"}, "warmup": {"type": "number"}}, "name"),
                    ]
                },
                "": {"type": "string", "description": "A property without a name."},
            },
            "base",
        ),
        {"base": "large", "method": {"name": "full", "warmup": 0.1}, "": "odd"},
    ),
    "three, a mesh": Example(
        obj(
            {
                "prompt": PROMPT,
                "image": optional(URL),
                "texture": {"enum": ["none", "base", "pbr"], "default": "base"},
                "polygons": {"type": "integer", "minimum": 1000, "maximum": 500000, "default": 30000},
                "rotation": {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3},
                "symmetric": {"enum": ["yes", "no", None]},
                "metadata": optional({"type": "object", "additionalProperties": TEXT}),
            },
            anyOf=[{"required": ["prompt"]}, {"required": ["image"]}],
        ),
        {"prompt": "a fox of clay", "rotation": [0, 90, 0.5], "symmetric": "no", "metadata": {"by": "me"}},
    ),
}
