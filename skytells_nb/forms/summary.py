"""A form where there is no kernel: what it is for, what is set, and the last result, as plain HTML."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from ..models import Model
from .writing import literal

__all__ = ["summary"]

_LONGEST = 300


def summary(model: Model, value: Mapping[str, Any], price: str, newest: str) -> str:
    """Write what a viewer without widgets shows; plain inline styles only, which every viewer leaves.

    Examples
    --------
    >>> from skytells_nb import Model
    >>> from skytells_nb.forms.summary import summary
    >>> "a red fox" in summary(Model(id="truefusion"), {"prompt": "a red fox"}, "$0.03", "")
    True
    """
    cell = 'style="text-align:left;padding:2px 12px 2px 0;vertical-align:top"'
    rows = "".join(
        f"<tr><th {cell}>{escape(str(name))}</th><td {cell}>{escape(_short(item))}</td></tr>"
        for name, item in value.items()
    )
    table = f'<table style="font-size:13px;border-collapse:collapse">{rows}</table>' if rows else ""
    told = f" · {escape(price)}" if price else ""
    return (
        f'<div style="line-height:1.5"><div><b>{escape(model.name or model.id)}</b>'
        f'<span style="opacity:0.65"> · a prompt form; run this cell to use it{told}</span></div>'
        f"{table}{newest}</div>"
    )


def _short(value: Any) -> str:
    written = value if type(value) is str else literal(value)
    return written if len(written) <= _LONGEST else written[: _LONGEST - 1] + "…"
