"""``sky.show``, and what a value shows when it is a cell's last line: one and the same."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from .._options import options
from ..models import Model, Prediction
from .catalogue import model_card, models_table
from .galleries import Gallery, caption_of
from .pages import page
from .plain import things_text, told
from .sources import Entry, entries_of, things_in
from .wording import cost_told

__all__ = ["mimebundle", "show"]


def mimebundle(x: object, *, full: bool = False) -> dict[str, str]:
    """Draw anything that can be shown, as HTML and as text.

    Parameters
    ----------
    x : object
        Whatever ``show`` takes.
    full : bool
        Embed the originals, whatever they take.

    Returns
    -------
    dict
        ``text/html`` and ``text/plain``.

    Examples
    --------
    >>> from skytells_nb import Prediction
    >>> from skytells_nb.display import mimebundle
    >>> sorted(mimebundle(Prediction(id="p1", status="queued")))
    ['text/html', 'text/plain']
    """
    if isinstance(x, Gallery):
        return {"text/html": x.html, "text/plain": x.text}
    things = things_in(x)
    return {"text/html": _html(things, full), "text/plain": things_text(things)}


def show(x: object, *, full: bool = False) -> None:
    """Show something where you are: drawn in a notebook, as text in a terminal.

    Parameters
    ----------
    x : object
        A prediction or a model, a list of them, the API's JSON for one, a result of the ``skytells`` package,
        a URL, a path, bytes, a Pillow image, or a mixed list of all of these.
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
    shell = _kernel()
    if shell is None:
        sys.stdout.write((x.text if isinstance(x, Gallery) else things_text(things_in(x))) + "\n")
        return
    shell.display_pub.publish(mimebundle(x, full=full))


def _kernel() -> Any:
    """Find the notebook's kernel, if this is one: somebody has imported IPython then."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell if shell is not None and hasattr(shell, "kernel") else None


def _html(things: Sequence[Prediction | Model | Entry], full: bool) -> str:
    if not things:
        return "<div>Nothing to show.</div>"
    parts: list[str] = []
    run: list[Any] = []
    for thing in [*things, None]:
        if run and (thing is None or isinstance(thing, Model) != isinstance(run[0], Model)):
            parts.append(_models(run) if isinstance(run[0], Model) else _outputs(run, full))
            run = []
        run.append(thing)
    return "".join(parts)


def _models(models: Sequence[Model]) -> str:
    return model_card(models[0]) if len(models) == 1 else models_table(models)


def _outputs(things: Sequence[Prediction | Entry], full: bool) -> str:
    predictions = [thing for thing in things if isinstance(thing, Prediction)]
    head = _head(predictions) if len(predictions) == len(things) > 1 else ""
    made = page(
        entries_of(things, map(caption_of, things)),
        size=options.thumbnail_size,
        budget=None if full else options.cell_budget,
        head=head,
        together=len(things) == 1,
    )
    return made.html


def _head(predictions: Sequence[Prediction]) -> str:
    costs = [prediction.cost for prediction in predictions if prediction.cost is not None]
    cost = cost_told(sum(costs[1:], costs[0])) if costs else ""
    part = f" for {len(costs):,} of them" if costs and len(costs) < len(predictions) else ""
    return told(predictions) + (f" · {cost}{part}" if cost else "")
