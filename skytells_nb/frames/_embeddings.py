"""Vectors of texts as a DataFrame."""

from __future__ import annotations

import pandas as pd

from ..models import Embeddings


def embeddings_frame(embeddings: Embeddings) -> pd.DataFrame:
    """Return a row for each text, under its text where it is known, and a column for each dimension."""
    known = len(embeddings.texts) == len(embeddings.vectors)
    index = pd.Index(embeddings.texts, name="text", dtype=object) if known else None
    return pd.DataFrame(list(embeddings.vectors), index=index, dtype=float)
