"""The index: which tables it has, how a prediction becomes rows, and rows predictions again."""

from __future__ import annotations

import json
import re
import sqlite3
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from ..models import Prediction
from ..observers import Account
from .documents import attachments_in, filled_in, noted, pack, restore, without_keys
from .files import inside

__all__ = [
    "SCHEMA",
    "VERSION",
    "Stored",
    "delete",
    "holding",
    "look_up",
    "micros",
    "outputs_of",
    "plain_rows",
    "predictions",
    "put_output",
    "save_prediction",
    "search",
    "tidy",
]

VERSION: Final = 1
SCHEMA: Final = (
    """CREATE TABLE predictions (
        n INTEGER PRIMARY KEY, origin TEXT NOT NULL, account TEXT NOT NULL, id TEXT NOT NULL,
        sandbox INTEGER NOT NULL, status TEXT NOT NULL, model TEXT, model_type TEXT, prompt TEXT,
        created INTEGER, started INTEGER, completed INTEGER, moment INTEGER NOT NULL,
        predict_s REAL, total_s REAL, cost TEXT, stem TEXT, n_outputs INTEGER, output TEXT, input TEXT,
        error TEXT, source TEXT, UNIQUE (origin, account, id))""",
    "CREATE INDEX predictions_by_stem ON predictions (stem)",
    "CREATE INDEX predictions_newest ON predictions (moment DESC, n DESC)",
    "CREATE INDEX predictions_by_id ON predictions (id)",
    """CREATE TABLE documents (
        n INTEGER PRIMARY KEY REFERENCES predictions ON DELETE CASCADE,
        raw TEXT NOT NULL, filled TEXT NOT NULL)""",
    """CREATE TABLE outputs (
        n INTEGER NOT NULL REFERENCES predictions ON DELETE CASCADE, position INTEGER NOT NULL,
        path TEXT, media_type TEXT, size INTEGER, problem TEXT, expired INTEGER NOT NULL,
        PRIMARY KEY (n, position)) WITHOUT ROWID""",
    "CREATE INDEX outputs_by_path ON outputs (path)",
    "CREATE TABLE attachments (sha TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE attached (
        n INTEGER NOT NULL REFERENCES predictions ON DELETE CASCADE, sha TEXT NOT NULL,
        PRIMARY KEY (n, sha)) WITHOUT ROWID""",
    "CREATE INDEX attached_by_sha ON attached (sha)",
    "CREATE VIRTUAL TABLE words USING fts5 (text, tokenize = 'unicode61 remove_diacritics 2')",
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS: Final = (
    "id, model, model_type, status, created, started, completed, predict_s, total_s, cost, n_outputs, "
    "output, error, prompt, source, origin, input, account, sandbox"
)
_SEARCHED: Final = ("prompt", "text", "lyrics", "caption")


@dataclass(frozen=True, slots=True)
class Stored:
    """What the archive has of one output: a file, or the reason why there is none.

    Attributes
    ----------
    position : int
        Which output of its prediction it is, from 0.
    path : str or None
        Its file, relative to the archive's folder; None where there is none.
    media_type : str or None
        What it is, by its content, such as ``image/png``.
    size : int
        Bytes on disk.
    problem : str or None
        Why it is missing; or of a file that is there, why it will not be opened.
    expired : bool
        Whether it is gone for good.
    """

    position: int
    path: str | None = None
    media_type: str | None = None
    size: int = 0
    problem: str | None = None
    expired: bool = False


def micros(moment: datetime | None) -> int | None:
    """Count microseconds since 1970, exactly."""
    return None if moment is None else (moment - _EPOCH) // timedelta(microseconds=1)


def _moment(value: int | None) -> datetime | None:
    return None if value is None else _EPOCH + timedelta(microseconds=value)


def tidy(text: str | None) -> str | None:
    """Replace what no UTF-8 can hold, such as half a surrogate pair."""
    return None if text is None else text.encode("utf-8", "replace").decode("utf-8")


def look_up(
    db: sqlite3.Connection, account: Account, identifier: str
) -> tuple[int, Prediction, dict[int, Stored]] | None:
    """Find one prediction of one account, with its row number and what is stored of its outputs."""
    row = db.execute(
        "SELECT n FROM predictions WHERE origin = ? AND account = ? AND id = ?",
        (account.origin, account.fingerprint, tidy(identifier)),
    ).fetchone()
    if row is None:
        return None
    found = predictions(db, Path(), "p.n = ?", (row[0],), 1)
    return row[0], found[0], outputs_of(db, row[0])


def outputs_of(db: sqlite3.Connection, n: int) -> dict[int, Stored]:
    """Read what is stored of one prediction's outputs, by their position."""
    found = db.execute(
        "SELECT position, path, media_type, size, problem, expired FROM outputs WHERE n = ?", (n,)
    )
    return {
        position: Stored(position, path, media_type, size or 0, problem, bool(expired))
        for position, path, media_type, size, problem, expired in found
    }


def save_prediction(db: sqlite3.Connection, account: Account, prediction: Prediction, now: datetime) -> int:
    """Write everything but the outputs of a prediction; give its row number."""
    safe = replace(
        prediction,
        raw=without_keys(prediction.raw),
        input=without_keys(prediction.input),
        output=without_keys(prediction.output),
    )
    bodies: dict[str, str] = {}
    raw, filled = pack(safe.raw, bodies), pack(filled_in(safe), bodies)
    values = {
        "origin": account.origin,
        "account": account.fingerprint,
        "id": tidy(safe.id),
        "sandbox": account.sandbox,
        "status": safe.status,
        "model": tidy(safe.model),
        "model_type": tidy(safe.model_type),
        "prompt": tidy(safe.prompt),
        "created": micros(safe.created_at),
        "started": micros(safe.started_at),
        "completed": micros(safe.completed_at),
        "moment": micros(safe.created_at or safe.completed_at or now),
        "predict_s": safe.metrics.predict_time,
        "total_s": safe.seconds,
        "cost": None if safe.cost is None else str(safe.cost),
        "n_outputs": None if safe.output is None else len(safe.output),
        "output": None if safe.output is None else json.dumps(noted(safe.output)),
        "input": None if safe.input is None else json.dumps(noted(safe.input), default=str),
        "error": tidy(safe.error),
        "source": tidy(safe.raw.get("source")) if isinstance(safe.raw.get("source"), str) else None,
    }
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    updates = ", ".join(
        f"{name} = excluded.{name}" for name in values if name not in ("origin", "account", "id")
    )
    db.execute(
        f"INSERT INTO predictions ({names}) VALUES ({marks}) "  # noqa: S608 - names are written above
        f"ON CONFLICT (origin, account, id) DO UPDATE SET {updates}",
        values,
    )
    n: int = db.execute(
        "SELECT n FROM predictions WHERE origin = :origin AND account = :account AND id = :id", values
    ).fetchone()[0]
    db.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", (n, raw, filled))
    db.execute("DELETE FROM words WHERE rowid = ?", (n,))
    told = [str((safe.input or {})[key]) for key in _SEARCHED if (safe.input or {}).get(key)]
    if told:
        db.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (n, tidy("\n".join(told))))
    for sha, body in bodies.items():
        db.execute("INSERT OR IGNORE INTO attachments VALUES (?, ?)", (sha, tidy(body)))
        db.execute("INSERT OR IGNORE INTO attached VALUES (?, ?)", (n, sha))
    return n


def put_output(db: sqlite3.Connection, n: int, stored: Stored) -> None:
    """Write what became of one output."""
    db.execute(
        "INSERT OR REPLACE INTO outputs VALUES (?, ?, ?, ?, ?, ?, ?)",
        (n, stored.position, stored.path, stored.media_type, stored.size, stored.problem, stored.expired),
    )


def delete(db: sqlite3.Connection, n: int) -> None:
    """Take a prediction out of every table, and the attachments that only it used."""
    db.execute("DELETE FROM words WHERE rowid = ?", (n,))
    shas = [row[0] for row in db.execute("SELECT sha FROM attached WHERE n = ?", (n,))]
    db.execute("DELETE FROM predictions WHERE n = ?", (n,))
    for sha in shas:
        db.execute(
            "DELETE FROM attachments WHERE sha = ? AND NOT EXISTS (SELECT 1 FROM attached WHERE sha = ?)",
            (sha, sha),
        )


def predictions(
    db: sqlite3.Connection, root: Path, where: str, values: Sequence[Any], limit: int | None
) -> list[Prediction]:
    """Build the predictions that a condition selects, newest first, with the files that are there."""
    chosen = (
        f"SELECT p.n FROM predictions p WHERE {where} "  # noqa: S608 - conditions are written in this package
        "ORDER BY p.moment DESC, p.n DESC LIMIT ?"
    )
    amount = -1 if limit is None else limit
    files: dict[int, list[Path]] = {}
    for n, path in db.execute(
        f"SELECT n, path FROM outputs WHERE path IS NOT NULL AND n IN ({chosen}) ORDER BY n, position",  # noqa: S608
        (*values, amount),
    ):
        place = inside(root, path)
        if place is not None:
            files.setdefault(n, []).append(place)
    found = db.execute(
        "SELECT p.n, p.id, p.origin, d.raw, d.filled FROM predictions p JOIN documents d USING (n) "  # noqa: S608
        f"WHERE p.n IN ({chosen}) ORDER BY p.moment DESC, p.n DESC",
        (*values, amount),
    ).fetchall()
    bodies: dict[str, str] = {}
    for row in found:
        for sha in (*attachments_in(row[3]), *attachments_in(row[4])):
            if sha not in bodies:
                body = db.execute("SELECT body FROM attachments WHERE sha = ?", (sha,)).fetchone()
                bodies[sha] = body[0] if body else ""
    built = []
    for n, identifier, origin, raw, filled in found:
        prediction = restore(identifier, origin, raw, filled, bodies)
        built.append(replace(prediction, files=tuple(files[n])) if n in files else prediction)
    return built


def search(text: str) -> tuple[str, list[str]] | None:
    """Turn what a user typed into a full-text query: every word, each also as a beginning, and the signs.

    Examples
    --------
    >>> search('red "fox" OR 🦊')
    ('"red"* "fox"* "OR"*', ['🦊'])
    """
    words = re.findall(r"\w+", text)
    signs = [letter for letter in text if unicodedata.category(letter) == "So"]
    return (" ".join(f'"{word}"*' for word in words), signs) if words else None


def holding(db: sqlite3.Connection, text: str) -> list[int]:
    """List the numbers of the rows whose words hold a text anywhere, whatever its capitals and accents."""
    wanted = _folded(tidy(text.strip()) or "")
    found = db.execute("SELECT rowid, text FROM words") if wanted else ()
    return [n for n, told in found if wanted in _folded(told)]


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    bare = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in bare if not unicodedata.combining(letter)) or text


def plain_rows(db: sqlite3.Connection, where: str, values: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """Read plain rows, newest first, without building predictions."""
    found = db.execute(
        f"SELECT {_COLUMNS} FROM predictions p WHERE {where} ORDER BY p.moment DESC, p.n DESC",  # noqa: S608
        values,
    ).fetchall()
    return map(_plain, found)


def _plain(row: tuple[Any, ...]) -> dict[str, Any]:
    created, started, completed = _moment(row[4]), _moment(row[5]), _moment(row[6])
    return {
        "id": row[0],
        "model": row[1],
        "model_type": row[2],
        "status": row[3],
        "created_at": created,
        "started_at": started,
        "completed_at": completed,
        "queue_s": (row[5] - row[4]) / 1e6 if row[4] is not None and row[5] is not None else None,
        "predict_s": row[7],
        "total_s": row[8],
        "cost": None if row[9] is None else Decimal(row[9]),
        "currency": None if row[9] is None else "USD",
        "n_outputs": row[10],
        "output": None if row[11] is None else json.loads(row[11]),
        "error": row[12],
        "prompt": row[13],
        "source": row[14],
        "origin": row[15],
        "input": None if row[16] is None else json.loads(row[16]),
        "account": row[17],
        "sandbox": bool(row[18]),
    }
