"""Is an input what a model's schema takes? Asked before anything is sent, so before anything is billed.

The jsonschema library decides; it is imported when the first input is checked, and never follows a reference
out of the schema. A part of a schema that cannot be used (a reference into nowhere, a recursion without end)
is passed over: the server has the last word anyway.
"""

from __future__ import annotations

from .checker import NEEDED, Checker, problems, warm_up
from .sentences import as_text

__all__ = ["NEEDED", "Checker", "as_text", "problems", "warm_up"]
