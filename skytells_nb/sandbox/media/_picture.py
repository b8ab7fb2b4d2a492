"""A picture from a prompt: the scene painted, or an input picture edited; styled, graded, signed, encoded.

And clips: a scene's layers sliding past each other, water that ripples, snow that falls; or a picture
entered. They are MP4 where PyAV is installed, and animated WebP elsewhere.
"""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageOps

from .._inputs import SMALLEST, clip_size, dice, number, picture_size, seconds_of
from ._painting import Canvas, Painting, Plane, blur, clouds, enlarge, grid, start_painting
from ._places import paint_place
from ._scene import RGB, Scene, load, read_scene
from ._sky import falling, paint_fog, paint_weather
from ._subjects import paint_abstract, paint_portrait, paint_subject, paint_table

MARK = "sandbox"
_PAPER: RGB = (248, 244, 234)
_PENCIL: RGB = (52, 54, 66)
_GRAY = np.array([0.3, 0.59, 0.11], np.float32)


def apply_style(p: Painting) -> None:
    """Turn the canvas into what the prompt's style words ask for, if they ask for anything.

    A sketch has pencil lines where tones meet, hatching where it is dark, and a thin wash of colour.
    """
    c, rng = p.canvas, p.rng
    if p.scene.style == "mono":
        tone = np.clip((c.px @ _GRAY / 255 - 0.5) * 1.18 + 0.5, 0, 1)[:, :, None] * 255
        c.px[:] = tone * np.array([1.0, 0.985, 0.955], np.float32)
    if p.scene.style != "sketch":
        return
    gray = np.clip(c.px @ _GRAY, 0, 255)
    soft = np.asarray(blur(Image.fromarray(gray.astype(np.uint8)), max(1.2, c.u * 0.0028)), np.float32)
    lines = np.clip((np.abs(soft - gray) - 1.2) / 13, 0, 1)
    rows, cols = grid(0, c.h, 0, c.w)
    wobble = clouds(rng, c.w, c.h, 6, octaves=2) * np.float32(c.u * 0.05)
    pitch = np.float32(c.u / 150)
    hatch = np.clip(np.sin((rows + cols + wobble) / pitch * 2) - 0.2, 0, 1)
    cross = np.clip(np.sin((rows - cols * 0.8 + wobble) / pitch * 2) - 0.2, 0, 1)
    dark = 1 - gray / 255
    strokes = hatch * np.clip((dark - 0.3) * 1.5, 0, 0.6) + cross * np.clip((dark - 0.6) * 1.6, 0, 0.5)
    tooth = 0.72 + 0.28 * rng.random((c.h, c.w), dtype=np.float32)
    ink = np.clip(lines * 0.95 + np.clip(strokes, 0, 1) * 0.75, 0, 1) * tooth
    edge = np.minimum(np.minimum(cols, c.w - 1 - cols), np.minimum(rows, c.h - 1 - rows))
    inside = np.clip(((edge + wobble * 0.6) / c.u - 0.05) * 22, 0, 1)
    paper, pencil = np.asarray(_PAPER, np.float32), np.asarray(_PENCIL, np.float32)
    wash = paper + (c.px - paper) * (0.34 * inside)[:, :, None]
    c.px[:] = wash + (pencil - wash) * (ink * inside)[:, :, None]


def vignette(c: Canvas, strength: float) -> None:
    ys, xs = grid(0, c.h + 16, 0, c.w + 16, 16)
    far = np.clip((((xs / c.w - 0.5) * 2) ** 2 + ((ys / c.h - 0.5) * 2) ** 2) * 0.5, 0, 1) ** 1.5
    c.px *= enlarge(1 - strength * far, c.w, c.h, 16)[:, :, None]


def to_image(px: Plane) -> Image.Image:
    """Round to eight bits, dithered, so that a slow gradient shows no steps."""
    tall, wide = px.shape[:2]
    tile = np.zeros((1, 1), np.float32)
    for _ in range(3):  # the 8 by 8 thresholds of an ordered dither, evenly spread
        tile = np.block([[4 * tile, 4 * tile + 2], [4 * tile + 3, 4 * tile + 1]])
    dither = np.tile((tile + np.float32(0.5)) / 64, (8, wide // 8 + 1))[:, :wide, None]
    out = np.empty((tall, wide, 3), np.uint8)
    for top in range(0, tall, 64):
        band = px[top : top + 64]
        out[top : top + 64] = np.clip(band + dither[: len(band)], 0, 255)
    return Image.fromarray(out)


def grade(
    image: Image.Image, size: tuple[int, int], look: Mapping[str, Any], rng: np.random.Generator
) -> Image.Image:
    """Return the picture as a model of this look in ``data/models.toml`` makes it, enlarged to `size`."""
    side = min(size)
    if not look:
        return image
    if "smooth" in look:
        image = image.filter(ImageFilter.MedianFilter(3))
    if "colors" in look:
        few = image.quantize(look["colors"], Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        image = few.convert("RGB")
    if image.size != size:
        image = image.resize(size, Image.Resampling.BICUBIC)
    if "glow" in look:
        bright = image.reduce(4).point(lambda level: max(0, level - 120) * look["glow"])
        spill = bright.filter(ImageFilter.GaussianBlur(side / 120)).resize(size, Image.Resampling.BILINEAR)
        image = ImageChops.screen(image, spill)
    if "sharpen" in look:
        soft = image.reduce(2).resize(size, Image.Resampling.BILINEAR)
        image = Image.blend(soft, image, 1 + look["sharpen"])
    color, contrast, warm = look.get("saturation", 1.0), look.get("contrast", 1.0), look.get("warmth", 0.0)
    rows = []
    for channel, tone in enumerate((1 + warm, 1.0, 1 - warm)):
        mixed = (1 - color) * _GRAY + color * np.eye(3)[channel]
        rows += [*(contrast * tone * mixed).tolist(), 128 * (1 - contrast)]
    image = image.convert("RGB", tuple(rows))
    for kind in sorted({"grain", "paper"} & look.keys()):
        noise = 128 + rng.normal(0, look[kind], (256, 256))
        tile = Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8))
        if kind == "paper":
            tile = tile.resize((768, 768), Image.Resampling.BICUBIC)
        whole = np.tile(np.asarray(tile), (size[1] // tile.height + 1, size[0] // tile.width + 1))
        sheet = Image.fromarray(np.ascontiguousarray(whole[: size[1], : size[0]]))
        image = ImageChops.add(image, sheet.convert("RGB"), offset=-128)
    return image


def sign(image: Image.Image, mark: str = MARK) -> None:
    """Write the sandbox's mark into the lower right corner, in place."""
    side = min(image.size)
    font = ImageFont.load_default(max(9, round(side * 0.021)))
    left, top, right, bottom = font.getbbox(mark)
    pad = max(3, round(side * 0.008))
    x1, y1 = image.width - 2 * pad, image.height - 2 * pad
    x0, y0 = max(0, x1 - (right - left) - 2 * pad), max(0, y1 - (bottom - top) - 2 * pad)
    plate = Image.new("L", (int(x1 - x0) + 1, int(y1 - y0) + 1), 0)
    corners = (0, 0, plate.width - 1, plate.height - 1)
    ImageDraw.Draw(plate).rounded_rectangle(corners, radius=plate.height // 3, fill=92)
    image.paste((16, 18, 26), (int(x0), int(y0)), plate)
    ImageDraw.Draw(image).text((x0 + pad - left, y0 + pad - top), mark, font=font, fill=(246, 246, 250))


_STUDIOS = {"portrait": paint_portrait, "still": paint_table, "abstract": paint_abstract}
_ADDS = r"add|adding|with|put|place|insert|include|and an?|next to|in front of"
LARGEST_ENLARGED = 4096
_STRENGTH = 0.75  # how far an edit goes towards the light that the prompt names


def draw_picture(
    input: Mapping[str, Any], *, index: int = 0, model: str = "", picture: bytes | None = None
) -> bytes:
    """Return a PNG: RGB, exactly as large as asked, the same for the same input and index.

    An upscaler's is the input `picture`, in its own shape and as large as fits.
    """
    look, given, size = load("models").get(model, {}), open_picture(picture), picture_size(input)
    if given and "enlarge" in look:
        sharpness, asked = number(input, "sharpness"), (number(input, "width"), number(input, "height"))
        percent = round(120 * min(1.0, max(0.0, 0.5 if sharpness is None else sharpness)))
        box = [round(min(LARGEST_ENLARGED, max(SMALLEST, side or 1024))) for side in asked]
        image = ImageOps.contain(given, (box[0], box[1]), Image.Resampling.LANCZOS)
        image = image.filter(ImageFilter.UnsharpMask(max(1.0, image.width / 600), percent))
    else:
        image = render(input, size, index=index, look=look, given=given)
    unknown = given is None and not read_scene(input, index=index).known
    sign(image, f"{MARK}: paints only what it knows" if unknown else MARK)
    return _encode_png(image)


def _encode_png(image: Image.Image) -> bytes:
    """Return an RGB image as a PNG, each pixel less the one to its left.

    Pillow tries five filters on every row, which takes twice as long for files that are no smaller
    (1024 by 1024: 75 ms and 820 kB, here 37 ms and 750 kB).
    """
    pixels = np.asarray(image).reshape(image.height, -1)
    rows = np.ones((image.height, image.width * 3 + 1), np.uint8)
    rows[:, 1:4] = pixels[:, :3]
    np.subtract(pixels[:, 3:], pixels[:, :-3], out=rows[:, 4:])
    head = struct.pack(">IIBBBBB", image.width, image.height, 8, 2, 0, 0, 0)
    chunks = (b"IHDR" + head, b"IDAT" + zlib.compress(rows.tobytes(), 1), b"IEND")
    parts = (struct.pack(">I", len(it) - 4) + it + struct.pack(">I", zlib.crc32(it)) for it in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def render(
    input: Mapping[str, Any], size: tuple[int, int], *, index: int = 0, look: Mapping[str, Any] = {},
    given: Image.Image | None = None,
) -> Image.Image:  # fmt: skip
    """Return the scene of an input, or its edit of a `given` picture, at a size and without the mark."""
    canvas = Canvas(*(max(64, round(side * look.get("scale", 1.0))) for side in size))
    p = start_painting(canvas, read_scene(input, index=index, salt=look.get("salt", "")))
    p.detail = look.get("detail", 1.0)
    if given:
        _edit(p, given)
    else:
        paint(p)
        vignette(canvas, 0.2)
    return grade(to_image(canvas.px), size, look, p.rng)


def paint(p: Painting, *, weather: bool = True) -> None:
    """Paint a whole scene; a clip leaves the `weather` out and lets it fall frame by frame."""
    if p.scene.place in _STUDIOS:
        _STUDIOS[p.scene.place](p)
    else:
        paint_place(p)
        if p.scene.weather == "fog":
            paint_fog(p, at=p.horizon, thick=p.canvas.h * 0.3, strength=0.75)
        paint_subject(p)
        if weather:
            paint_weather(p)
    if p.chance.random() < 0.5:
        p.canvas.flip()
    apply_style(p)


def _edit(p: Painting, given: Image.Image) -> None:
    """Paint an edit of a picture: its layout and its colours, in the light, weather and style of the prompt.

    A subject is added only when the prompt says so ("with a fox"); the picture may well show it already.
    """
    c, scene = p.canvas, p.scene
    c.px[:] = np.asarray(ImageOps.fit(given, (c.w, c.h), Image.Resampling.LANCZOS), np.float32)
    if scene.asks_for_light:
        gray = c.px.mean(axis=2, keepdims=True)
        lit = (c.px * 0.75 + gray * 0.25) * np.asarray(p.light.key, np.float32)
        rows = np.linspace(0.35, 0, c.h, dtype=np.float32)[:, None, None]
        lit += (np.asarray(p.light.middle, np.float32) - lit) * rows  # the sky's colour, from above
        c.px[:] += (lit - c.px) * np.float32(_STRENGTH)
        if p.light.name not in ("day", "overcast", "dusk"):
            c.shine(p.sun_x, c.h * 0.1, c.u * 0.3, p.light.sun, 0.4 * p.light.glow)
    if scene.weather == "fog":
        paint_fog(p, at=c.h * 0.55, thick=c.h * 0.4, strength=0.75)
    if scene.subject and scene.says(_ADDS):
        p.x, p.foot, p.tall = c.w * p.chance.uniform(0.35, 0.65), c.h * 0.95, c.u * 0.42
        paint_subject(p)
    paint_weather(p)
    apply_style(p)


def open_picture(content: bytes | None) -> Image.Image | None:
    """Return a picture as upright RGB, transparency on white; None for what is no picture."""
    try:
        with Image.open(io.BytesIO(content or b"")) as opened:
            image = ImageOps.exif_transpose(opened)
            if image.has_transparency_data:
                layer = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", layer.size, (255, 255, 255, 255)), layer)
            return image.convert("RGB")
    except Exception:  # noqa: BLE001 - anything may have been sent, and decoders fail in their own ways
        return None


_REACH = 0.14  # how much wider than the frame the scene is painted, and so how far the view travels
_ZOOM = 0.16  # how far a clip moves into the picture it begins with

Size = tuple[int, int]


def draw_clip(input: Mapping[str, Any], *, mp4: bool, index: int = 0, picture: bytes | None = None) -> bytes:
    """Return a clip, 5 s long unless asked otherwise and 30 s at most.

    The frames are the same each time; the bytes may differ between encoders.
    """
    seconds = seconds_of(input, default=5.0, longest=30.0)
    if mp4:
        rate = 24 if seconds <= 5 else 20 if seconds <= 8 else 12
        count, size = round(seconds * rate), clip_size(input)
        return _mp4(frames(input, size, count, seconds, index=index, picture=picture), size, rate)
    count, size = max(2, min(40, round(seconds * 8))), clip_size(input, 400)
    first, *rest = frames(input, size, count, seconds, index=index, picture=picture)
    file, pace = io.BytesIO(), round(seconds * 1000 / count)
    first.save(file, "WEBP", save_all=True, append_images=rest, duration=pace, loop=0, quality=70, method=0)
    return file.getvalue()


def _mp4(pictures: Iterator[Image.Image], size: Size, rate: int) -> bytes:
    import av
    from av.video.stream import VideoStream

    file = io.BytesIO()
    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    options = {"preset": "superfast", "crf": "23", "threads": "1"} if codec == "libx264" else {"qscale": "4"}
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream(codec, rate=Fraction(rate), options=options)
        if not isinstance(stream, VideoStream):
            raise TypeError(f"{codec} is no video codec in this PyAV")
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            frame = av.VideoFrame.from_image(picture)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


def frames(
    input: Mapping[str, Any], size: Size, count: int, seconds: float, *, index: int = 0,
    picture: bytes | None = None,
) -> Iterator[Image.Image]:  # fmt: skip
    """Yield `count` pictures of a scene in motion, `size` pixels each, spread over `seconds`.

    The same input yields the same frames. With an input `picture` the first frame is that picture.
    """
    scene, given = read_scene(input, index=index), open_picture(picture)
    view = _zoom(given, size) if given else _pan(scene, size, seconds)
    layers = load("weather").get(scene.weather, {}).get("moving", ())
    if scene.style or scene.place in ("portrait", "still", "abstract", "space"):
        layers = ()
    chance, unit = dice(scene.key ^ 0xC11F), min(size)
    masks = [
        falling(scene.weather, size, chance, *layer) for *layer, _, _ in layers
    ]  # they repeat at the edges
    color = (255, 255, 255) if scene.weather == "snow" else (214, 226, 240)
    for n in range(count):
        part = n / max(1, count - 1)
        frame = view(part)
        for mask, (*_, down, across) in zip(masks, layers, strict=True) if part or not given else ():
            offset = math.floor(unit * across * seconds * part), math.floor(unit * down * seconds * part)
            frame.paste(color, (0, 0), ImageChops.offset(mask, *offset))
        sign(frame)
        yield frame


def _zoom(picture: Image.Image, size: Size) -> Callable[[float], Image.Image]:
    """Return a view that moves slowly into a picture."""
    large = ImageOps.fit(picture, (2 * size[0], 2 * size[1]), Image.Resampling.LANCZOS)

    def view(part: float) -> Image.Image:
        ease = _ZOOM / 2 * part * part * (3 - 2 * part)
        box = (ease * large.width, ease * large.height, (1 - ease) * large.width, (1 - ease) * large.height)
        return large.resize(size, Image.Resampling.BILINEAR, box=box)

    return view


def _pan(scene: Scene, size: Size, seconds: float) -> Callable[[float], Image.Image]:
    """Return a view that travels along a painted scene, its near layers faster than its far ones."""
    wide, tall = size
    canvas = Canvas(wide + round(wide * _REACH), tall, layered=True)
    p = start_painting(canvas, scene)
    paint(p, weather=False)
    layers: list[tuple[Image.Image, Image.Image | None]] = [(to_image(canvas.px), None)]
    if not scene.style:
        canvas.split()
        (back, _), *near = canvas.layers
        masks = [Image.fromarray(np.clip(cover * 255 + 0.5, 0, 255).astype(np.uint8)) for _, cover in near]
        layers = [(to_image(back), None)]
        layers += [(to_image(px), mask) for (px, _), mask in zip(near, masks, strict=True) if mask.getbbox()]
    white = Canvas(*size)
    white.px[:] = 255
    vignette(white, 0.2)
    shade, forward = to_image(white.px), dice(scene.key ^ 0xC11F).random() < 0.5

    def view(part: float) -> Image.Image:
        way = (canvas.w - wide - 1) * (part if forward else 1 - part)
        frame = _slide(layers[0][0], way * (0.3 if len(layers) > 1 else 1), size)
        for depth, (picture, mask) in enumerate(layers[1:], start=1):
            pan = way * (0.3 + 0.7 * depth / (len(layers) - 1))
            frame.paste(_slide(picture, pan, size), (0, 0), mask and _slide(mask, pan, size))
            if p.water is not None and depth == 1:
                frame = _ripple(frame, p.water, seconds * part)
        return ImageChops.multiply(frame, shade)

    return view


def _slide(image: Image.Image, x: float, size: Size) -> Image.Image:
    """Return the part of a layer that starts at column `x`, between two columns where it must be."""
    left = int(x)
    first = image.crop((left, 0, left + size[0], size[1]))
    if x - left < 0.02:
        return first
    return Image.blend(first, image.crop((left + 1, 0, left + 1 + size[0], size[1])), x - left)


def _ripple(frame: Image.Image, top: float, time: float) -> Image.Image:
    """Return the frame with everything below the row `top` swaying as water does."""
    data = np.array(frame)
    tall, wide = data.shape[:2]
    first = max(1, int(top) + 1)
    y = np.arange(first, tall, dtype=np.float32)
    near = (y - first) / max(1.0, tall - first)
    rise = np.sin(2.1 * time + 9 * near) * near * tall * 0.012
    sway = np.sin(2.6 * time - y / (tall * (0.008 + 0.03 * near))) * (0.6 + near * tall * 0.006)
    rows = np.clip(np.round(y + rise), first, tall - 1).astype(int)
    cols = np.clip(np.arange(wide)[None, :] + np.round(sway).astype(int)[:, None], 0, wide - 1)
    data[first:] = data[rows[:, None], cols]
    return Image.fromarray(data)
