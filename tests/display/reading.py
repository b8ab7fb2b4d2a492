"""Reading a page as a browser would, and as strictly as JupyterLab's sanitiser does."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from PIL import Image

# What pages are made of; all of it is kept by JupyterLab 4.6 in a notebook that is not trusted (measured).
TAGS = {
    *("a", "audio", "bdi", "div", "figcaption", "figure", "img", "pre", "span"),
    *("table", "tbody", "td", "th", "thead", "tr", "video"),
    *("blockquote", "br", "code", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "s"),
    *("strong", "ul"),
}
ATTRIBUTES = {
    "*": {"style", "title", "dir", "class"},
    "a": {"href", "target", "rel"},
    "audio": {"controls", "preload", "src"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start"},
    "th": {"scope"},
    "video": {"controls", "preload", "src", "poster", "width", "height"},
}
STYLES = {
    "align-items": "start",
    "background": "transparent",
    "border": r"0|1px dashed",
    "border-collapse": "collapse",
    "border-left": "3px solid",
    "border-radius": r"\d+px",
    "box-sizing": "border-box",
    "display": "block|flex|grid",
    "flex-direction": "column",
    "font-family": "inherit|monospace",
    "font-size": r"\d+px",
    "font-weight": r"\d00",
    "gap": r"\d+px( \d+px)?",
    "grid-column": "1",
    "grid-row": "1",
    "grid-template-columns": (
        r"3px minmax\(0,1fr\)|minmax\(0,1fr\)|repeat\((auto-fill|\d+),minmax\((\d+px|0),1fr\)\)"
    ),
    "height": "auto",
    "justify-content": "center",
    "line-height": r"[\d.]+(px)?",
    "margin": r"0|\d+px 0 \d+px|0 0 8px",
    "margin-bottom": r"\d+px",
    "margin-top": r"\d+px",
    "max-height": r"\d+px",
    "max-width": r"\d+(px|%)",
    "min-height": r"\d+px",
    "min-width": r"0|\d+px",
    "opacity": r"0\.\d+",
    "overflow": "hidden|auto",
    "overflow-x": "auto",
    "overflow-wrap": "break-word",
    "padding-left": r"\d+px",
    "padding-top": r"\d+px",
    "padding": r"\d+(px)?( \d+(px)?){0,3}",
    "table-layout": "auto",
    "text-align": "left|center",
    "text-overflow": "ellipsis",
    "vertical-align": "top",
    "white-space": "normal|nowrap|pre-wrap",
    "width": r"auto|\d+%",
    "word-break": "normal",
}
VOID = {"br", "hr", "img"}


@dataclass
class Page(HTMLParser):
    """A page, parsed: its tags in order with their attributes, and its text."""

    html: str
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.feed(self.html)
        self.close()
        assert self.open == [], f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute twice in {tag}: {attrs}"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(f"a declaration: {decl}")

    def handle_pi(self, data: str) -> None:
        raise AssertionError(f"a processing instruction: {data}")

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.pieces).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for found, attributes in self.tags if found == tag]

    def pictures(self) -> list[Image.Image]:
        return [picture_in(img["src"]) for img in self.all("img")]


def bytes_in(address: str | None) -> bytes:
    assert address is not None
    head, _, body = address.partition(",")
    assert re.fullmatch(r"data:(image|video|audio)/[\w.+-]+;base64", head), head
    return base64.b64decode(body, validate=True)


def picture_in(address: str | None) -> Image.Image:
    image = Image.open(io.BytesIO(bytes_in(address)))
    image.load()
    return image


def strictly(html: str) -> Page:
    """Parse a page and hold every tag, attribute, style and address to what survives sanitising."""
    page = Page(html)
    for tag, attributes in page.tags:
        assert tag in TAGS, tag
        for name, value in attributes.items():
            assert name in ATTRIBUTES["*"] | ATTRIBUTES.get(tag, set()), f"{name} on {tag}"
            if name == "style":
                for declaration in (value or "").split(";"):
                    prop, _, setting = declaration.partition(":")
                    assert prop in STYLES, f"{prop} on {tag}"
                    assert re.fullmatch(STYLES[prop], setting), declaration
            if name in ("src", "poster"):
                bytes_in(value)
            if name == "href":
                # A web address, or a file beside the notebook.
                assert re.match(r"https?://[^\s\"<>\\]+$|(?!/)(?![^/]*:)[\w./%~-]+$", value or ""), value
        if tag == "img":
            assert attributes.get("alt")
            assert int(attributes["width"] or 0) > 0
            assert int(attributes["height"] or 0) > 0
    shown = html
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]", shown)
    shown.encode("utf-8")  # a lone surrogate could not be saved
    return page
