"""What a file is, by its first bytes, and the one table of the kinds of output that there are.

Names, extensions and Content-Type headers are only claims: a CDN serves its 404 page as ``fox.png``. Another
kind of file is a row in `FILE_TYPES` and, where its first bytes are a fixed mark, one in ``_MAGIC``.
"""

from __future__ import annotations

import io
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Literal
from urllib.parse import unquote, urlsplit

OutputKind = Literal["image", "video", "audio", "text", "model", "other"]

HEAD: Final = 4096
"""Bytes that are enough to say what a file is, but for an MP4 (see `sniff_file`)."""


@dataclass(frozen=True, slots=True)
class FileType:
    """A type of file, and what is done with it.

    `extension` is what its name ends in where it is saved: what a browser would run as a document (SVG, HTML,
    XML) is saved as plain text. `name` is what to call it in a sentence, and `pillow` are Pillow's names of
    the format, for ``Image.open(formats=…)``; empty where Pillow alone has no reader.
    """

    media_type: str
    kind: OutputKind
    extension: str
    name: str
    pillow: tuple[str, ...] = ()


_TABLE: Final = (
    FileType("image/png", "image", ".png", "a PNG picture", ("PNG",)),
    # Phones and stereo cameras put several JPEGs into one file, which Pillow calls MPO.
    FileType("image/jpeg", "image", ".jpg", "a JPEG picture", ("JPEG", "MPO")),
    FileType("image/gif", "image", ".gif", "a GIF picture", ("GIF",)),
    FileType("image/webp", "image", ".webp", "a WebP picture", ("WEBP",)),
    FileType("image/avif", "image", ".avif", "an AVIF picture", ("AVIF",)),
    FileType("image/heic", "image", ".heic", "an HEIC picture"),
    FileType("image/tiff", "image", ".tiff", "a TIFF picture", ("TIFF",)),
    FileType("image/bmp", "image", ".bmp", "a BMP picture", ("BMP",)),
    FileType("image/jp2", "image", ".jp2", "a JPEG 2000 picture", ("JPEG2000",)),
    FileType("image/jxl", "image", ".jxl", "a JPEG XL picture"),
    FileType("image/x-portable-anymap", "image", ".pnm", "a PNM picture", ("PPM",)),
    FileType("image/x-icon", "image", ".ico", "an icon", ("ICO",)),
    FileType("image/x-exr", "image", ".exr", "an OpenEXR picture"),
    FileType("image/svg+xml", "image", ".svg.txt", "an SVG drawing"),
    FileType("video/mp4", "video", ".mp4", "a clip"),
    FileType("video/quicktime", "video", ".mov", "a clip"),
    FileType("video/3gpp", "video", ".3gp", "a clip"),
    FileType("video/webm", "video", ".webm", "a clip"),
    FileType("video/x-matroska", "video", ".mkv", "a clip"),
    FileType("video/x-msvideo", "video", ".avi", "a clip"),
    FileType("video/ogg", "video", ".ogv", "a clip"),
    FileType("video/mpeg", "video", ".mpg", "a clip"),
    FileType("video/mp2t", "video", ".ts", "a clip"),
    FileType("video/x-flv", "video", ".flv", "a clip"),
    FileType("video/x-ms-wmv", "video", ".wmv", "a clip"),
    FileType("audio/wav", "audio", ".wav", "a song"),
    FileType("audio/mpeg", "audio", ".mp3", "a song"),
    FileType("audio/mp4", "audio", ".m4a", "a song"),
    FileType("audio/aac", "audio", ".aac", "a song"),
    FileType("audio/ogg", "audio", ".ogg", "a song"),
    FileType("audio/flac", "audio", ".flac", "a song"),
    FileType("audio/aiff", "audio", ".aiff", "a song"),
    FileType("audio/x-caf", "audio", ".caf", "a song"),
    FileType("audio/basic", "audio", ".au", "a song"),
    FileType("audio/amr", "audio", ".amr", "a song"),
    FileType("audio/midi", "audio", ".mid", "a score"),
    FileType("text/plain", "text", ".txt", "text"),
    FileType("application/json", "text", ".txt", "text"),
    FileType("text/html", "other", ".txt", "a web page"),
    FileType("application/xml", "other", ".txt", "an XML document"),
    FileType("model/gltf-binary", "model", ".glb", "a 3D model"),
    FileType("model/ply", "model", ".ply", "a 3D model"),
    FileType("model/fbx", "model", ".fbx", "a 3D model"),
    FileType("application/pdf", "other", ".pdf", "a PDF document"),
    FileType("application/zip", "other", ".zip", "a ZIP archive"),
    FileType("application/gzip", "other", ".gz", "a gzip archive"),
)
FILE_TYPES: Final = {row.media_type: row for row in _TABLE}
_UNKNOWN: Final = FileType("application/octet-stream", "other", ".bin", "data of another kind")
_EMPTY: Final = FileType("application/octet-stream", "other", ".bin", "nothing at all")

_MAGIC: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"II+\x00", "image/tiff"),  # BigTIFF
    (b"MM\x00+", "image/tiff"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "image/jxl"),
    (b"\xff\x0a", "image/jxl"),
    (b"\x76\x2f\x31\x01", "image/x-exr"),
    (b"\x00\x00\x01\x00", "image/x-icon"),
    (b"\x00\x00\x01\xba", "video/mpeg"),
    (b"\x00\x00\x01\xb3", "video/mpeg"),
    (b"FLV\x01", "video/x-flv"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-wmv"),
    (b"P4\n", "image/x-portable-anymap"),
    (b"P5\n", "image/x-portable-anymap"),
    (b"P6\n", "image/x-portable-anymap"),
    (b"caff\x00\x01", "audio/x-caf"),
    (b".snd\x00\x00\x00", "audio/basic"),
    (b"#!AMR", "audio/amr"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
    (b"MThd", "audio/midi"),
    (b"glTF", "model/gltf-binary"),
    (b"ply\n", "model/ply"),
    (b"ply\r", "model/ply"),
    (b"Kaydara FBX Binary", "model/fbx"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"\x1f\x8b\x08", "application/gzip"),
)
# Containers of many kinds: (mark at 0, mark at 8).
_CHUNKED: Final = {
    (b"RIFF", b"WEBP"): "image/webp",
    (b"RIFF", b"WAVE"): "audio/wav",
    (b"RF64", b"WAVE"): "audio/wav",
    (b"RIFF", b"AVI "): "video/x-msvideo",
    (b"FORM", b"AIFF"): "audio/aiff",
    (b"FORM", b"AIFC"): "audio/aiff",
}
_BRANDS: Final = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "image/heic"),
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"F4A ": "audio/mp4",
    b"qt  ": "video/quicktime",
}
_BMP_HEADERS: Final = frozenset({12, 40, 52, 56, 64, 108, 124})  # their sizes: many a text begins with BM
_ENDINGS: Final = {
    *(row.extension.rpartition(".")[2] for row in _TABLE),
    *("jpeg", "jpe", "jfif", "tif", "heif", "svg", "m4v", "mpeg", "oga", "opus", "aif", "midi"),
    *("gltf", "obj", "stl", "csv", "json", "md", "doc", "docx"),
}
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # two letters at least: C:\ is a drive
_LONGEST_PATH: Final = 1_000
_QUOTES: Final = " \"'"
_MOVIE_AT_MOST: Final = 16 * 2**20  # the tables of an hour's clip take a few MiB
_HANDLER: Final = re.compile(rb"hdlr.{8}(vide|soun)", re.DOTALL)
_HTML: Final = re.compile(r"<(!doctype\s+html|html|head|body|script|title|iframe|meta)\b", re.IGNORECASE)
_PRELUDE: Final = re.compile(
    r"\s*(<\?xml.*?\?>|<!--.*?-->|<!doctype\s+svg[^>]*>|\s)*", re.DOTALL | re.IGNORECASE
)


def file_type(data: bytes | None) -> FileType:
    """Return the type of a file from its first bytes or all of them."""
    if not data:
        return _EMPTY
    return FILE_TYPES.get(sniff(data) or "", _UNKNOWN)


def extension(media_type: str | None) -> str:
    """Return the extension under which content of a media type is saved."""
    if media_type is None:
        return ".bin"
    known = FILE_TYPES.get(media_type)
    return ".txt" if known is None else known.extension


def is_path_like(text: str) -> bool:
    """Check whether a text reads like the path of a file: no URL, on one line, and with a file's ending.

    Examples
    --------
    >>> from skytells_nb.filetypes import is_path_like
    >>> [is_path_like(text) for text in ("fox.png", "~/in/clip.MOV", "a fox", "https://cdn.example/fox.png")]
    [True, True, False, False]
    """
    if len(text) > _LONGEST_PATH or not text.isprintable():
        return False
    if text.startswith("file:"):
        return True
    text = text.strip(_QUOTES)
    if _SCHEME.match(text):
        return False
    return text.rpartition(".")[2].lower() in _ENDINGS or text.startswith(("~/", "./", "../"))


def path_of(text: str) -> Path:
    """Return the path in a text, as file managers copy it too: in quotes, or as a ``file://`` URL.

    Examples
    --------
    >>> from skytells_nb.filetypes import path_of
    >>> [path_of(text).as_posix() for text in ('"/in/a fox.png"', "file:///in/a%20fox.png")]
    ['/in/a fox.png', '/in/a fox.png']
    """
    text = text.strip(_QUOTES)
    if text.startswith("file:"):
        text = re.sub("^/(?=[A-Za-z]:)", "", unquote(urlsplit(text).path))  # file:///C:/fox.png
    return Path(text).expanduser()


def sniff(data: bytes) -> str | None:
    """Return a file's media type by its first `HEAD` bytes, whatever its name or header claims.

    None for no known kind.
    """
    for magic, media_type in _MAGIC:
        if data.startswith(magic):
            return media_type
    chunked = _CHUNKED.get((data[:4], data[8:12]))
    if chunked is not None:
        return chunked
    if data[4:8] == b"ftyp":
        media_type = _by_brand(data)
        tracks = _movie_tracks(io.BytesIO(data)) if media_type == "video/mp4" else None
        return "audio/mp4" if tracks == {b"soun"} else media_type
    if data.startswith(b"\x1aE\xdf\xa3"):
        return "video/x-matroska" if b"matroska" in data[:64] else "video/webm"
    # Packets of 188 bytes, each of which begins with a G.
    if data[:1] == b"G" and data[188:189] == data[376:377] == data[564:565] == b"G":
        return "video/mp2t"
    if data.startswith(b"OggS"):
        return "video/ogg" if b"\x80theora" in data[:HEAD] else "audio/ogg"
    if data[:2] == b"BM" and len(data) > 26 and int.from_bytes(data[14:18], "little") in _BMP_HEADERS:
        return "image/bmp"
    if len(data) > 3 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0:  # a frame of MPEG audio
        if data[1] & 0xF6 == 0xF0:
            return "audio/aac"
        if data[1] & 0x06 == 0x02 and data[1] & 0x18 != 0x08 and data[2] >> 4 not in (0, 15):
            return "audio/mpeg"
    return _sniff_text(data)


def sniff_file(source: str | os.PathLike[str] | IO[bytes]) -> str | None:
    """Return the media type of a file on disk or of an open, seekable one, which is left at its start.

    Beyond its head only an MP4 is looked into: whether it has pictures, or is a song, stands in an index
    that most encoders write at the end.
    """
    if isinstance(source, str | os.PathLike):
        with open(source, "rb") as file:
            return sniff_file(file)
    media_type = sniff(source.read(HEAD))
    source.seek(0)
    if media_type == "video/mp4" and _movie_tracks(source) == {b"soun"}:
        media_type = "audio/mp4"
    source.seek(0)
    return media_type


def _by_brand(data: bytes) -> str:
    major = data[8:12]
    if major in (b"mif1", b"msf1"):  # only "some picture": which codec stands among the compatible brands
        size = min(int.from_bytes(data[:4], "big"), len(data), 256)
        if any(data[at : at + 4] in (b"avif", b"avis") for at in range(16, size, 4)):
            return "image/avif"
    if major.startswith(b"3g"):
        return "video/3gpp"
    return _BRANDS.get(major, "video/mp4")


def _movie_tracks(file: IO[bytes]) -> set[bytes]:
    """Kinds of track (``vide``, ``soun``) in an MP4's index; empty where it is not there whole."""
    end = file.seek(0, io.SEEK_END)
    at = 0
    for _ in range(64):
        file.seek(at)
        header = file.read(16)
        if len(header) < 8:
            break
        size, start = int.from_bytes(header[:4], "big"), 8
        if size == 1:
            size, start = int.from_bytes(header[8:16], "big"), 16
        size = size or end - at
        if size < start or at + size > end:
            break
        if header[4:8] == b"moov":
            if size > _MOVIE_AT_MOST:
                break
            file.seek(at + start)
            return set(_HANDLER.findall(file.read(size - start)))
        at += size
    return set()


def _sniff_text(data: bytes) -> str | None:
    head = data[:HEAD]
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # A character may be cut at the end of the head; anything else is no text.
        if error.start < len(head) - 3 or error.reason == "invalid start byte":
            return None
        text = head[: error.start].decode("utf-8-sig")
    if not text or re.search(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]", text):
        return None
    start = _PRELUDE.match(text)
    rest = text[start.end() :] if start else text
    if rest[:4].lower() == "<svg":
        return "image/svg+xml"
    if _HTML.match(rest):
        return "text/html"
    if text.lstrip().startswith("<?xml"):
        return "application/xml"
    return "application/json" if re.match(r"\s*[{\[]\s*[\"{\[\]}]", text) else "text/plain"
