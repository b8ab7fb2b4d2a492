"""``sky.show``, and what a value shows when it is a cell's last line: one and the same."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import groupby
from typing import Any, cast

from .._options import options
from ..api import AsyncTextStream, TextStream
from ..models import ChatCompletion, Drawn, Model, Prediction, Response
from ..plaintext import encodable
from ._answers import answer_bundle, answer_html, answer_text, show_stream
from ._contact_sheet import bundle_of, png_budget
from ._gallery import Gallery, caption_of, page
from ._html import model_card, models_table
from ._items import DisplayItem, items_of, things_in
from ._text import count_text, things_text, total_text


def mimebundle(x: object, *, full: bool = False) -> dict[str, str]:
    """Draw anything that can be shown, as HTML, as text and, where there are pictures, as one PNG.

    Front ends show the HTML; the PNG is for exports that have none (LaTeX, PDF). Together they keep to
    ``sky.options.cell_budget``, unless ``full`` embeds the originals.
    """
    if isinstance(x, Gallery):
        return x.mimebundle()
    if isinstance(x, ChatCompletion | Response):
        return answer_bundle(x)
    if _draws_itself(x):
        return cast("Drawn", x)._repr_mimebundle_()
    things = things_in(x)
    budget = None if full else options.cell_budget
    reserve = png_budget(options.cell_budget)
    html, items = _draw(things, budget, reserve)
    return bundle_of(html, things_text(things), items, reserve)


def _draws_itself(x: object) -> bool:
    """Whether it is a comparison, an arena or the like, and no value of the API."""
    is_value = isinstance(x, Prediction | Model | ChatCompletion | Response | list)
    return isinstance(x, Drawn) and not is_value


def to_html(x: object, *, full: bool = False) -> str:
    """Return the HTML of anything that can be shown, for a page or a widget of one's own."""
    if isinstance(x, Gallery):
        return x.html
    if isinstance(x, ChatCompletion | Response):
        return answer_html(x)
    return _draw(things_in(x), None if full else options.cell_budget, 0)[0]


def show(x: object, *more: object, full: bool = False) -> None:
    """Show something where you are: drawn in a notebook, as text in a terminal.

    Parameters
    ----------
    x : object
        A prediction or a model, a list of them, the API's JSON for one, a result of the ``skytells`` package,
        a URL, a path, bytes, a Pillow image, an array of numbers, or a mixed list of all of these. A text
        model's answer is shown as Markdown; its stream is read to its end, and grows in place meanwhile.
    *more : object
        Others, shown together with it.
    full : bool
        Embed the originals, whatever they take, instead of thumbnails within ``sky.options.cell_budget``.

    Raises
    ------
    InvalidInputError
        For something that cannot be shown.

    Examples
    --------
    >>> from skytells_nb import Prediction
    >>> from skytells_nb.display import show
    >>> show(Prediction(id="p1", status="queued", model="truefusion"))
    truefusion · queued · p1
      Queued: Waiting for its turn; client.predictions.wait(prediction) follows it.
    """
    x = [x, *more] if more else x
    # In a notebook's kernel somebody has imported IPython already.
    ipython = sys.modules.get("IPython")
    shell: Any = None if ipython is None else ipython.get_ipython()
    in_notebook = shell is not None and hasattr(shell, "kernel")
    if isinstance(x, TextStream | AsyncTextStream):
        show_stream(x, shell.display_pub if in_notebook else None)
        return
    if in_notebook:
        shell.display_pub.publish(mimebundle(x, full=full))
        return
    if _draws_itself(x):
        text = x.text if isinstance(x, Gallery) else repr(x)
    else:
        text = answer_text(x) if isinstance(x, ChatCompletion | Response) else things_text(things_in(x))
    print(encodable(text, sys.stdout))  # noqa: T201 - nothing where there is no stdout, as under pythonw


def _draw(
    things: Sequence[Prediction | Model | DisplayItem], budget: int | None, reserve: int
) -> tuple[str, list[DisplayItem]]:
    """Draw things in order: runs of models as cards and tables, everything else as figures."""
    if not things:
        return "<div>Nothing to show.</div>", []
    parts: list[str] = []
    items: list[DisplayItem] = []
    for models, group in groupby(things, lambda thing: isinstance(thing, Model)):
        run: list[Any] = list(group)
        if models:
            parts.append(model_card(run[0]) if len(run) == 1 else models_table(run))
            continue
        several = len(run) > 1 and all(isinstance(thing, Prediction) for thing in run)
        html, drawn = page(
            items_of(run, map(caption_of, run)),
            size=options.thumbnail_size,
            budget=budget,
            reserve=reserve,
            head=" · ".join(filter(None, (count_text(run), total_text(run)))) if several else "",
            together=len(run) == 1,
        )
        parts.append(html)
        items += drawn
    return "".join(parts), items
