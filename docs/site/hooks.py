"""What the site shows that lies elsewhere: README and its neighbours, the lessons, the reference.

A hook of MkDocs; `mkdocs build --strict` calls it. The reference has a page for what ``import skytells_nb``
offers, whatever package it lives in, one each for the values that those names give back, and for the packages
that are imported by name. What is on no page is not public.
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import skytells_nb
from skytells_nb import exceptions, webhooks

ROOT = Path(__file__).parents[2]

PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "benchmarks/README.md": "benchmarks.md",
}
"""Pages that are read in the repository, too, and what they are called here."""

REFERENCE = {
    "skytells_nb": [name for name in skytells_nb.__all__ if name not in exceptions.__all__],
    "skytells_nb.exceptions": exceptions.__all__,
    "skytells_nb.webhooks": webhooks.__all__,
    "skytells_nb.api": [
        "Predictions",
        "Models",
        "AsyncPredictions",
        "AsyncModels",
        "TextStream",
        "AsyncTextStream",
    ],
    "skytells_nb.models": [
        *("Metrics", "Pricing", "Criterion"),
        *("ChatCompletion", "Response", "Embeddings", "Piece", "ToolCall", "Usage"),
    ],
    "skytells_nb.archive": ["Stored", "Rating"],
    "skytells_nb.comparison": ["Comparison", "Cell"],
    "skytells_nb.display": ["Gallery"],
    "skytells_nb.forms": ["Field", "Property", "Rule"],
    "skytells_nb.jobs": ["BatchResult", "BatchList", "BatchState"],
    "skytells_nb.pricing": ["Estimate"],
    "skytells_nb.rating": ["Rater"],
    "skytells_nb.sandbox": ["Options", "Faults", "Received"],
    "skytells_nb.spending": ["Budget"],
    "skytells_nb._options": ["Options", "UnknownNameError", "OptionValueError"],
}
"""Which names each page of the reference shows."""

_PICTURE = re.compile(
    r'<picture>\s*<source[^>]*srcset="docs/([^"]+)">\s*'
    r'<img alt="([^"]*)" src="docs/([^"]+)"[^>]*>\s*</picture>'
)
_OWN_FILE = re.compile(r'<a href="skytells_outputs/[^>]*>(.*?)</a>', re.S)


@event_priority(100)  # before the plugin that looks for notebooks
def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that do not lie in this folder."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=_moved((ROOT / source).read_text("utf-8"))))
    for lesson in (ROOT / "notebooks").glob("*.ipynb"):
        path = lesson.relative_to(ROOT).as_posix()
        files.append(File(path, str(ROOT), config.site_dir, config.use_directory_urls))
    for module, names in REFERENCE.items():
        own = {*REFERENCE, f"{module}.__version__"}  # pages themselves
        shown = [f"::: {module}.{name}" for name in names if f"{module}.{name}" not in own]
        text = "\n\n".join([f"# {module}", *shown])
        files.append(File.generated(config, f"reference/{module.rpartition('.')[2]}.md", content=text))
    return files


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Show a lesson's outputs without links to the files that they were, which are not here."""
    return _OWN_FILE.sub(r"\1", html)


def _moved(text: str) -> str:
    """Let links lead to where pages and pictures are on the site, and pictures follow its theme."""
    text = _PICTURE.sub(r"![\2](\3#only-light)\n![\2](\1#only-dark)", text)
    for source, page in PAGES.items():
        text = text.replace(f"]({source})", f"]({page})")
    return text.replace("](docs/", "](")
