"""Models by the names that people type."""

from __future__ import annotations

from ..api import Client
from ..exceptions import NotFoundError
from ..models import Model
from ..schema import closest_model


def find_model(client: Client, name: str) -> Model:
    """Return the listed model that a name means: its slug or display name, also after a vendor's."""
    listed = client.models.list()
    model, near = closest_model(name, listed)
    if model is None:
        hint = f"Did you mean {near.id!r}?" if near else "skytells-nb models lists what there is."
        raise NotFoundError(f"There is no model {name!r}. {hint}", charged=False)
    return model
