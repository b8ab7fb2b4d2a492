"""API keys: who may come in, which keys force an error, and how a key is named without being shown.

Source: skytells-api.md, sections 2 and 14 (2). One account answers to every key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache

from skytells_nb.sandbox import errors

#: Keys that begin so are always refused, on every route or on create alone, to rehearse an error without
#: any code.
FORCED: tuple[tuple[str, str, Callable[[], errors.Refusal]], ...] = (
    ("sk-unauthorized", "any", errors.unauthorized),
    ("sk-suspended", "any", errors.suspended),
    ("sk-forbidden", "any", errors.forbidden),
    ("sk-rate-limited", "any", lambda: errors.rate_limited(retry_after="1")),
    ("sk-no-credit", "create", errors.no_credit),
)


def read_key(headers: Mapping[str, str]) -> str | None:
    """Find the key in ``x-api-key`` or ``Authorization: Bearer`` (contradiction 31)."""
    key = headers.get("x-api-key", "").strip()
    if key:
        return key
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def admit(key: str | None, route: str) -> str:
    """Let a key in, or raise the refusal it stands for."""
    if key is None or not key.startswith("sk-") or len(key) == len("sk-"):
        raise errors.unauthorized()
    for prefix, where, refusal in FORCED:
        if key.startswith(prefix) and where in ("any", route):
            raise refusal()
    return key


@lru_cache(maxsize=1024)
def fingerprint(key: str) -> str:
    """Name a key by eight hex digits, so that logs can tell keys apart and never hold one."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:8]
