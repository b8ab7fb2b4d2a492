"""The index: its tables, how a prediction becomes rows and rows predictions again, and its upgrades."""

from __future__ import annotations

import json
import re
import sqlite3
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

from ..api import Account
from ..exceptions import warn_user
from ..formatting import CREDITS
from ..models import Prediction
from ._database import DamagedIndexError
from ._files import FileStore
from ._serialize import (
    UNREADABLE,
    Rating,
    attachments_in,
    dumps,
    elide_data_uris,
    extra_fields,
    input_digest,
    loads,
    redact_keys,
    restore,
)

VERSION: Final = 3
"""The version of `SCHEMA`. Whoever changes a table adds a step to `_UPGRADES` and raises this."""

_URLS: Final = """CREATE TABLE urls (
    url TEXT, prediction INTEGER REFERENCES predictions ON DELETE CASCADE, position INTEGER,
    PRIMARY KEY (url, prediction)) WITHOUT ROWID"""
"""All that an output was ever named, also before a signed URL was renewed."""

SCHEMA: Final = (
    """CREATE TABLE predictions (
        rowid INTEGER PRIMARY KEY, origin TEXT NOT NULL, account TEXT NOT NULL, id TEXT NOT NULL,
        sandbox INTEGER NOT NULL, status TEXT NOT NULL, model TEXT, model_type TEXT, prompt TEXT,
        created INTEGER, started INTEGER, completed INTEGER, moment INTEGER NOT NULL,
        predict_s REAL, total_s REAL, cost TEXT, stem TEXT, n_outputs INTEGER, output TEXT, input TEXT,
        error TEXT, source TEXT, input_digest BLOB, rating INTEGER, tags TEXT, note TEXT,
        UNIQUE (origin, account, id))""",
    "CREATE INDEX predictions_by_stem ON predictions (stem)",
    "CREATE INDEX predictions_newest ON predictions (moment DESC, rowid DESC)",
    "CREATE INDEX predictions_by_id ON predictions (id)",
    "CREATE INDEX predictions_by_input ON predictions (input_digest) WHERE input_digest IS NOT NULL",
    """CREATE TABLE documents (
        prediction INTEGER PRIMARY KEY REFERENCES predictions ON DELETE CASCADE,
        raw TEXT NOT NULL, filled TEXT NOT NULL)""",
    """CREATE TABLE outputs (
        prediction INTEGER NOT NULL REFERENCES predictions ON DELETE CASCADE, position INTEGER NOT NULL,
        path TEXT, media_type TEXT, size INTEGER, problem TEXT, expired INTEGER NOT NULL,
        PRIMARY KEY (prediction, position)) WITHOUT ROWID""",
    "CREATE INDEX outputs_by_path ON outputs (path)",
    "CREATE INDEX outputs_owed ON outputs (prediction) WHERE path IS NULL AND expired = 0",
    _URLS,
    "CREATE TABLE attachments (sha TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE attached (
        prediction INTEGER NOT NULL REFERENCES predictions ON DELETE CASCADE, sha TEXT NOT NULL,
        PRIMARY KEY (prediction, sha)) WITHOUT ROWID""",
    "CREATE INDEX attached_by_sha ON attached (sha)",
    "CREATE VIRTUAL TABLE words USING fts5 (text, tokenize = 'unicode61 remove_diacritics 2')",
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TOKENS: Final = """CASE WHEN p.model_type = 'text' THEN (
    SELECT coalesce(json_extract(raw, '$.usage.{0}'), json_extract(raw, '$.usage.{1}'))
    FROM documents WHERE prediction = p.rowid AND json_valid(raw)) END"""
"""What a text model read, or wrote: in its answer, and read from there only for such rows."""
_PLAIN: Final = (
    "id model model_type status created started completed predict_s total_s cost n_outputs output error "
    "prompt source origin input account sandbox rating tags note"
)
_COLUMNS: Final = {
    **{name: name for name in _PLAIN.split()},
    "tokens_in": _TOKENS.format("prompt_tokens", "input_tokens"),
    "tokens_out": _TOKENS.format("completion_tokens", "output_tokens"),
    "rowid": "rowid",
}
_CHUNK: Final = 10_000
_SEARCHED: Final = ("prompt", "text", "lyrics", "caption")


def upgrade(db: sqlite3.Connection, version: int) -> None:
    """Bring an older index up to `VERSION`, step by step; other packages' tables stay as they are."""
    for step in range(version, VERSION):
        _UPGRADES[step](db)
    kept = db.execute("SELECT count(*) FROM predictions").fetchone()[0]
    warn_user(f"The archive's index was upgraded from format {version} to {VERSION}: {kept:,} predictions.")


def _from_1_to_2(db: sqlite3.Connection) -> None:
    """Ratings, what is owed, and look-up by equal input (0.1.0 had none of them)."""
    for statement in (
        "ALTER TABLE predictions RENAME COLUMN n TO rowid",
        "ALTER TABLE documents RENAME COLUMN n TO prediction",
        "ALTER TABLE outputs RENAME COLUMN n TO prediction",
        "ALTER TABLE attached RENAME COLUMN n TO prediction",
        "ALTER TABLE predictions ADD COLUMN input_digest BLOB",
        "ALTER TABLE predictions ADD COLUMN rating INTEGER",
        "ALTER TABLE predictions ADD COLUMN tags TEXT",
        "ALTER TABLE predictions ADD COLUMN note TEXT",
        "CREATE INDEX predictions_by_input ON predictions (input_digest) WHERE input_digest IS NOT NULL",
        "CREATE INDEX outputs_owed ON outputs (prediction) WHERE path IS NULL AND expired = 0",
    ):
        db.execute(statement)
    digests = []
    for rowid, model, raw, filled in db.execute(
        "SELECT p.rowid, p.model, d.raw, d.filled "
        "FROM predictions p JOIN documents d ON d.prediction = p.rowid"
    ):
        try:
            bodies = _bodies(db, raw, filled)
            asked = loads(filled, bodies).get("input") or loads(raw, bodies).get("input")
            digests.append((input_digest(model, asked), rowid))
        except UNREADABLE:
            continue  # a damaged row; `predictions` mends it when it is next read
    db.executemany("UPDATE predictions SET input_digest = ? WHERE rowid = ?", digests)


def _from_2_to_3(db: sqlite3.Connection) -> None:
    """Look-up of an output by its URL, so that one as an input equals its file."""
    db.execute(_URLS)
    for rowid, output in db.execute("SELECT rowid, output FROM predictions WHERE output LIKE '%\"http%'"):
        with suppress(*UNREADABLE):
            _put_urls(db, rowid, json.loads(output))


_UPGRADES: Final[dict[int, Callable[[sqlite3.Connection], None]]] = {1: _from_1_to_2, 2: _from_2_to_3}


def check(db: sqlite3.Connection) -> None:
    """Raise `DamagedIndexError` where a table or a column that this version needs is gone."""
    try:
        found = _columns(db)
        db.execute("SELECT rowid FROM words WHERE words MATCH 'a'").fetchone()  # of several tables of its own
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise  # as where it is locked
        raise DamagedIndexError(f"the index cannot be searched: {error}") from error
    lost = [f"{table}.{column}" for table, column in _needed() if (table, column) not in found]
    if lost:
        raise DamagedIndexError(f"the index has lost {', '.join(lost[:3])}")


@cache
def _needed() -> frozenset[tuple[str, str]]:
    db = sqlite3.connect(":memory:")
    try:
        for statement in SCHEMA:
            db.execute(statement)
        return _columns(db)
    finally:
        db.close()


def _columns(db: sqlite3.Connection) -> frozenset[tuple[str, str]]:
    return frozenset(
        db.execute(
            "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'"
        )
    )


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


def to_micros(moment: datetime | None) -> int | None:
    """Count microseconds since 1970, exactly."""
    return None if moment is None else (moment - _EPOCH) // timedelta(microseconds=1)


def from_micros(value: int | None) -> datetime | None:
    return None if value is None else _EPOCH + timedelta(microseconds=value)


def replace_surrogates(text: str | None) -> str | None:
    """Replace what no UTF-8 can hold, such as half a surrogate pair."""
    return None if text is None else text.encode("utf-8", "replace").decode("utf-8")


def look_up(
    db: sqlite3.Connection, account: Account, identifier: str
) -> tuple[int, Prediction | None, dict[int, Stored]] | None:
    """Find one prediction of one account: its row number, itself (None if damaged), and its outputs."""
    row = db.execute(
        "SELECT rowid FROM predictions WHERE origin = ? AND account = ? AND id = ?",
        (account.origin, account.fingerprint, replace_surrogates(identifier)),
    ).fetchone()
    if row is None:
        return None
    found = predictions(db, FileStore(Path()), "p.rowid = ?", (row[0],), 1)
    return row[0], found[0] if found else None, outputs_of(db, row[0])


def rows_of(db: sqlite3.Connection, id: str, origin: str | None) -> list[int]:
    """Return the rows of a prediction, the newest first; of any origin where none is named."""
    query = "SELECT rowid FROM predictions WHERE id = ? AND (? IS NULL OR origin = ?) ORDER BY moment DESC"
    return [row[0] for row in db.execute(query, (replace_surrogates(id), origin, origin))]


def outputs_of(db: sqlite3.Connection, rowid: int) -> dict[int, Stored]:
    """Read what is stored of one prediction's outputs, by their position."""
    found = db.execute(
        "SELECT position, path, media_type, size, problem, expired FROM outputs WHERE prediction = ?",
        (rowid,),
    )
    return {
        position: Stored(position, path, media_type, size or 0, problem, bool(expired))
        for position, path, media_type, size, problem, expired in found
    }


def owed(db: sqlite3.Connection, account: Account, since: datetime) -> list[str]:
    """List the ids of an account's predictions whose outputs are recorded and were never fetched."""
    found = db.execute(
        "SELECT DISTINCT p.id FROM outputs o CROSS JOIN predictions p ON p.rowid = o.prediction "
        "WHERE o.path IS NULL AND o.expired = 0 AND p.origin = ? AND p.account = ? "
        "AND coalesce(p.completed, p.moment) >= ?",
        (account.origin, account.fingerprint, to_micros(since)),
    )
    return [row[0] for row in found]


def save_prediction(
    db: sqlite3.Connection,
    account: Account,
    prediction: Prediction,
    now: datetime,
    digest: bytes | None = None,
) -> int:
    """Write everything but the outputs of a prediction, and return its row number.

    ``digest`` is that of the input as it was sent; what the API repeats may have defaults filled in.
    """
    safe = replace(
        prediction,
        raw=redact_keys(prediction.raw),
        input=redact_keys(prediction.input),
        output=redact_keys(prediction.output),
    )
    bodies: dict[str, str] = {}
    raw, filled = dumps(safe.raw, bodies), dumps(extra_fields(safe), bodies)
    values = {
        "origin": account.origin,
        "account": account.fingerprint,
        "id": replace_surrogates(safe.id),
        "sandbox": account.sandbox,
        "status": safe.status,
        "model": replace_surrogates(safe.model),
        "model_type": replace_surrogates(safe.model_type),
        "prompt": replace_surrogates(safe.prompt),
        "created": to_micros(safe.created_at),
        "started": to_micros(safe.started_at),
        "completed": to_micros(safe.completed_at),
        "moment": to_micros(safe.created_at or safe.completed_at or now),
        "predict_s": safe.metrics.predict_time,
        "total_s": safe.seconds,
        "cost": None if safe.cost is None else str(safe.cost),
        "n_outputs": None if safe.output is None else len(safe.output),
        "output": None if safe.output is None else json.dumps(elide_data_uris(safe.output)),
        "input": None if safe.input is None else json.dumps(elide_data_uris(safe.input), default=str),
        "error": replace_surrogates(safe.error),
        "source": replace_surrogates(safe.raw["source"]) if isinstance(safe.raw.get("source"), str) else None,
        "input_digest": digest or input_digest(prediction.model, prediction.input),
    }
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    kept_digest = "excluded.input_digest" if digest else "coalesce(input_digest, excluded.input_digest)"
    updates = ", ".join(
        f"{name} = {kept_digest if name == 'input_digest' else f'excluded.{name}'}"
        for name in values
        if name not in ("origin", "account", "id")
    )
    db.execute(
        f"INSERT INTO predictions ({names}) VALUES ({marks}) "  # noqa: S608 - names are written above
        f"ON CONFLICT (origin, account, id) DO UPDATE SET {updates}",
        values,
    )
    rowid: int = db.execute(
        "SELECT rowid FROM predictions WHERE origin = :origin AND account = :account AND id = :id", values
    ).fetchone()[0]
    db.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", (rowid, raw, filled))
    db.execute("DELETE FROM words WHERE rowid = ?", (rowid,))
    asked = {**(safe.input or {}), **({"prompt": safe.prompt} if safe.model_type == "text" else {})}
    if words := [str(asked[key]) for key in _SEARCHED if asked.get(key)]:
        text = replace_surrogates("\n".join(words))
        db.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (rowid, text))
    _put_urls(db, rowid, safe.output or ())
    for sha, body in bodies.items():
        db.execute("INSERT OR IGNORE INTO attachments VALUES (?, ?)", (sha, replace_surrogates(body)))
        db.execute("INSERT OR IGNORE INTO attached VALUES (?, ?)", (rowid, sha))
    return rowid


def _put_urls(db: sqlite3.Connection, rowid: int, output: Sequence[object]) -> None:
    for position, each in enumerate(output):
        if isinstance(each, str) and each.startswith("http"):
            values = (replace_surrogates(each), rowid, position)
            db.execute("INSERT OR IGNORE INTO urls VALUES (?, ?, ?)", values)


def file_of_url(db: sqlite3.Connection, account: Account, url: str) -> str | None:
    """Return the file of an account's output, by its URL, relative to the archive's folder."""
    found = db.execute(
        "SELECT o.path FROM urls u JOIN predictions p ON p.rowid = u.prediction "
        "JOIN outputs o ON (o.prediction, o.position) = (u.prediction, u.position) "
        "WHERE u.url = ? AND p.origin = ? AND p.account = ? ORDER BY p.rowid LIMIT 1",
        (replace_surrogates(url), account.origin, account.fingerprint),
    ).fetchone()
    return None if found is None else found[0]


def put_output(db: sqlite3.Connection, rowid: int, stored: Stored) -> None:
    db.execute(
        "INSERT OR REPLACE INTO outputs VALUES (?, ?, ?, ?, ?, ?, ?)",
        (rowid, stored.position, stored.path, stored.media_type, stored.size, stored.problem, stored.expired),
    )


def put_rating(db: sqlite3.Connection, rowid: int, rating: Rating | None) -> None:
    """Write what somebody thought of a prediction; None where nobody said anything, or took it back."""
    given = rating or Rating()
    db.execute(
        "UPDATE predictions SET rating = ?, tags = ?, note = ? WHERE rowid = ?",
        (
            given.stars,
            None if rating is None else json.dumps(given.tags),
            replace_surrogates(given.note) or None,
            rowid,
        ),
    )


def rating_of(db: sqlite3.Connection, rowid: int) -> Rating:
    stars, tags, words = db.execute(
        "SELECT rating, tags, note FROM predictions WHERE rowid = ?", (rowid,)
    ).fetchone()
    return Rating(stars, tuple(json.loads(tags)) if tags else (), words or "")


def equal_inputs(db: sqlite3.Connection, account: Account, digests: Sequence[bytes]) -> list[tuple[int, str]]:
    """List rows and ids of an account's succeeded predictions that were asked the same, newest first."""
    marks = ", ".join("?" * len(digests))
    found = db.execute(  # the plus signs keep SQLite from walking all of the account's rows
        f"SELECT rowid, id FROM predictions WHERE input_digest IN ({marks}) "  # noqa: S608 - marks only
        "AND +origin = ? AND +account = ? AND status = 'succeeded' ORDER BY moment DESC, rowid DESC",
        (*digests, account.origin, account.fingerprint),
    )
    return found.fetchall()


def delete(db: sqlite3.Connection, rowid: int) -> None:
    """Take a prediction out of every table, and the attachments that only it used."""
    db.execute("DELETE FROM words WHERE rowid = ?", (rowid,))
    shas = [row[0] for row in db.execute("SELECT sha FROM attached WHERE prediction = ?", (rowid,))]
    db.execute("DELETE FROM predictions WHERE rowid = ?", (rowid,))
    for sha in shas:
        db.execute(
            "DELETE FROM attachments WHERE sha = ? AND NOT EXISTS (SELECT 1 FROM attached WHERE sha = ?)",
            (sha, sha),
        )


def predictions(
    db: sqlite3.Connection,
    files: FileStore,
    where: str,
    values: Sequence[Any],
    limit: int | None,
    damaged: list[int] | None = None,
) -> list[Prediction]:
    """Build the predictions that a condition selects, newest first, with the files that are there.

    A row that cannot be read is left out, and its number added to ``damaged``.
    """
    chosen = (
        f"SELECT p.rowid FROM predictions p WHERE {where} "  # noqa: S608 - conditions are written in this package
        "ORDER BY p.moment DESC, p.rowid DESC LIMIT ?"
    )
    amount = -1 if limit is None else limit
    paths: dict[int, list[Path]] = {}
    for rowid, name in db.execute(
        "SELECT prediction, path FROM outputs "  # noqa: S608 - names and marks of this module
        f"WHERE path IS NOT NULL AND prediction IN ({chosen}) ORDER BY prediction, position",
        (*values, amount),
    ):
        path = files.path(name)
        if path is not None:
            paths.setdefault(rowid, []).append(path)
    found = db.execute(
        "SELECT p.rowid, p.id, p.origin, d.raw, d.filled "  # noqa: S608 - names and marks of this module
        "FROM predictions p LEFT JOIN documents d ON d.prediction = p.rowid "
        f"WHERE p.rowid IN ({chosen}) ORDER BY p.moment DESC, p.rowid DESC",
        (*values, amount),
    ).fetchall()
    bodies: dict[str, str] = {}
    built = []
    for rowid, identifier, origin, raw, filled in found:
        try:
            bodies |= _bodies(db, raw, filled, known=bodies)
            prediction = restore(identifier, origin, raw, filled, bodies)
        except UNREADABLE:
            if damaged is not None:
                damaged.append(rowid)
            continue
        built.append(replace(prediction, files=tuple(paths[rowid])) if rowid in paths else prediction)
    return built


def _bodies(db: sqlite3.Connection, *documents: str, known: Mapping[str, str] = {}) -> dict[str, str]:
    found = {}
    for sha in {sha for text in documents for sha in attachments_in(text)} - known.keys():
        row = db.execute("SELECT body FROM attachments WHERE sha = ?", (sha,)).fetchone()
        found[sha] = row[0] if row else ""
    return found


def match_query(text: str) -> tuple[str, list[str]] | None:
    """Turn what a user typed into a full-text query: every word, each also as a beginning, and the signs.

    Examples
    --------
    >>> match_query('red "fox" OR 🦊')
    ('"red"* "fox"* "OR"*', ['🦊'])
    """
    words = re.findall(r"\w+", text)
    signs = [letter for letter in text if unicodedata.category(letter) == "So"]
    return (" ".join(f'"{word}"*' for word in words), signs) if words else None


def require_words(db: sqlite3.Connection) -> None:
    """Raise `DamagedIndexError` where words were wiped out: SQLite would not find them, and not say so."""
    wiped = "SELECT 1 FROM words_data WHERE block = zeroblob(length(block)) AND length(block) > 0"
    if db.execute(wiped).fetchone():  # 3 ms for 100,000 rows; SQLite's own check takes half a second
        raise DamagedIndexError("the index cannot be searched")


def containing(db: sqlite3.Connection, text: str) -> list[int]:
    """List the numbers of the rows whose words hold a text anywhere, whatever its capitals and accents."""
    wanted = _folded(replace_surrogates(text.strip()) or "")
    found = db.execute("SELECT rowid, text FROM words") if wanted else ()
    return [rowid for rowid, words in found if wanted in _folded(words)]


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    bare = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in bare if not unicodedata.combining(letter)) or text


def columns(
    db: sqlite3.Connection, where: str, values: Sequence[Any], damaged: list[int]
) -> list[dict[str, Sequence[Any]]]:
    """Read plain columns, newest first, some thousand rows at a time; damaged rows as in `predictions`."""
    chosen = ", ".join(_COLUMNS.values())
    cursor = db.execute(
        f"SELECT {chosen} FROM predictions p WHERE {where} ORDER BY p.moment DESC, p.rowid DESC",  # noqa: S608 - names and marks of this module
        values,
    )
    chunks = []
    while rows := cursor.fetchmany(_CHUNK):
        try:
            chunks.append(_decoded(rows))
        except UNREADABLE:
            readable = []
            for row in rows:
                try:
                    _decoded([row])
                    readable.append(row)
                except UNREADABLE:
                    damaged.append(row[-1])
            chunks.append(_decoded(readable))
    return chunks


def _decoded(rows: Sequence[tuple[Any, ...]]) -> dict[str, Sequence[Any]]:
    """Turn rows into columns; raises one of `UNREADABLE` where a value is not what this version wrote."""
    names = list(_COLUMNS)
    found: dict[str, Sequence[Any]] = (
        dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(names, ())
    )
    for kinds, of in (
        ((int,), ("created", "started", "completed", "n_outputs", "rating", "tokens_in", "tokens_out")),
        ((int, float), ("predict_s", "total_s")),
        ((str,), ("id", "model", "model_type", "status", "prompt", "error", "source", "origin", "note")),
    ):
        for name in of:
            if not {*map(type, found[name])} <= {*kinds, type(None)}:
                raise TypeError(f"{name} holds a value of another type")
    for cost in set(found["cost"]) - {None}:
        float(cost)
    for name in ("input", "output", "tags"):
        # Many JSON texts as one, which takes half the time of one by one.
        texts = ["null" if text is None else text for text in found[name]]
        found[name] = json.loads(f"[{','.join(texts)}]")
        if len(found[name]) != len(texts):
            raise ValueError("a text holds more than one value")
    return found


_ROW: Final = (
    *("id", "model", "model_type", "status", "created_at", "started_at", "completed_at", "queue_s"),
    *("predict_s", "total_s", "cost", "currency", "n_outputs", "output", "error", "prompt", "source"),
    *("origin", "input", "account", "sandbox", "rating", "tags", "note", "tokens_in", "tokens_out"),
)


def plain_rows(chunk: dict[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Turn `columns` into rows with the names of a predictions frame."""
    for values in zip(*chunk.values(), strict=True):
        row = dict(zip(chunk, values, strict=True))
        created, started = row["created"], row["started"]
        row |= {
            "created_at": from_micros(created),
            "started_at": from_micros(started),
            "completed_at": from_micros(row["completed"]),
            "queue_s": None if created is None or started is None else (started - created) / 1e6,
            "cost": None if row["cost"] is None else Decimal(row["cost"]),
            "currency": None if row["cost"] is None else CREDITS if row["sandbox"] else "USD",
            "sandbox": bool(row["sandbox"]),
            "tags": row["tags"] or [],
        }
        yield {name: row[name] for name in _ROW}
