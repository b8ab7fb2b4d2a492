"""Reading the index: up to date first, and without the rows that are damaged beyond mending."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from ..api import Account, check_limit
from ..exceptions import SkytellsError, warn_user
from ..models import Prediction, PredictionList
from . import _index as index
from . import _reindex as reindex
from ._serialize import canonical, input_digest
from ._writer import ArchiveWriter, defaults_of

T = TypeVar("T")


class ArchiveReader:
    """Reads what a writer writes, and what is not in the index yet; every method blocks."""

    def __init__(self, writer: ArchiveWriter) -> None:
        self._writer = writer
        self._beyond_mending: set[int] = set()

    def read(self, query: Callable[[sqlite3.Connection], T], missing: T) -> T:
        """Call a function with one view of the index, as it is now; ``missing`` where there is none."""
        self._writer.catch_up()
        return self._writer.database.reading(query, missing)

    def count(self, query: str) -> int:
        """Return the one number that a query asks for; 0 where there is no index."""
        return int(self.read(lambda db: db.execute(query).fetchone()[0], 0))

    def rows(self, id: str, origin: str | None = None) -> list[int]:
        """Return the rows of a prediction, the newest first; of any origin where none is named."""
        return self.read(lambda db: rows_of(db, id, origin), list[int]())

    def of_rows(self, rowids: list[int], limit: int | None = None) -> PredictionList:
        """Return the predictions of these rows."""
        return self.predictions("p.rowid IN (SELECT value FROM json_each(?))", (json.dumps(rowids),), limit)

    def predictions(self, where: str, values: Sequence[Any], limit: int | None = None) -> PredictionList:
        """Return the predictions that a condition selects, newest first."""
        check_limit(limit)
        most = None if limit is None else min(limit, sys.maxsize)
        files = self._writer.store
        return PredictionList(
            self.read_mended(
                lambda db, damaged: index.predictions(db, files, where, values, most, damaged),
                list[Prediction](),
            )
        )

    def find(self, text: str, limit: int | None) -> PredictionList:
        """Return the predictions whose words match a text; where none does, those that hold it anywhere."""
        query = index.match_query(text)
        if query is not None:
            words, signs = query
            also = " AND instr(text, ?) > 0" * len(signs)
            where = f"p.rowid IN (SELECT rowid FROM words WHERE words MATCH ?{also})"  # noqa: S608 - marks only
            found = self.predictions(where, (index.replace_surrogates(words), *signs), limit)
            if found:
                return found
        return self.of_rows(self.read(lambda db: index.containing(db, text), list[int]()), limit)

    def equal_inputs(
        self,
        account: Account,
        model: str,
        input: Mapping[str, Any],
        without: Container[str],
        oldest_first: bool,
    ) -> Iterator[Prediction]:
        """Yield what an account has made of an equal input and whose files are there."""
        try:
            asked: dict[str, Any] = canonical(input)
        except (ValueError, RecursionError):
            return
        defaults: dict[str, Any] = canonical(defaults_of(account, model))
        bare = {name: value for name, value in asked.items() if value != defaults.get(name, ...)}
        alike = (input_digest(model, asked, defaults), input_digest(model, asked), input_digest(model, bare))
        wanted = [digest for digest in dict.fromkeys(alike) if digest is not None]
        rows = self.read(lambda db: index.equal_inputs(db, account, wanted), list[tuple[int, str]]())
        for rowid, identifier in reversed(rows) if oldest_first else rows:
            if identifier in without:
                continue
            for prediction in self.of_rows([rowid], 1):
                has_all = len(prediction.files) >= len(prediction.output or ())
                if has_all and all(map(self._writer.store.has, prediction.files)):
                    yield prediction

    def columns(self, origin: str | None) -> list[dict[str, Sequence[Any]]]:
        """Return everything as plain columns, newest first, some thousand rows at a time."""
        where, values = conditions({"p.origin = ?": origin})
        return self.read_mended(
            lambda db, damaged: index.columns(db, where, values, damaged), list[dict[str, Sequence[Any]]]()
        )

    def outputs(self, id: str, origin: str | None) -> list[index.Stored]:
        """Return what is stored of each output of a prediction."""

        def read(db: sqlite3.Connection) -> list[index.Stored]:
            rows = rows_of(db, id, origin)
            found = index.outputs_of(db, rows[0]) if rows else {}
            return [found[position] for position in sorted(found)]

        return self.read(read, [])

    def read_mended(self, query: Callable[[sqlite3.Connection, list[int]], T], missing: T) -> T:
        """Read, and once more where damaged rows could be written anew; those that cannot be are left out.

        The query adds the numbers of damaged rows to the list that it is given.
        """
        damaged: list[int] = []
        found = self.read(lambda db: query(db, damaged), missing)
        new = [rowid for rowid in damaged if rowid not in self._beyond_mending]
        if not new:
            return found
        self._beyond_mending.update(new)
        store = self._writer.store
        with suppress(SkytellsError):  # a read-only archive stays as it is
            if self._writer.database.writing(lambda db: reindex.mend(db, store, new)):
                damaged.clear()
                found = self.read(lambda db: query(db, damaged), missing)
        self._beyond_mending.difference_update(set(new) - set(damaged))
        if lost := len(self._beyond_mending.intersection(damaged)):
            warn_user(
                f"{lost:,} rows of the archive's index in {store.root} are damaged, and no JSON file beside "
                "their outputs says what was in them; they are left out."
            )
        return found


def rows_of(db: sqlite3.Connection, id: str, origin: str | None) -> list[int]:
    """Return the rows of a prediction, the newest first; of any origin where none is named."""
    query = "SELECT rowid FROM predictions WHERE id = ? AND (? IS NULL OR origin = ?) ORDER BY moment DESC"
    return [row[0] for row in db.execute(query, (index.replace_surrogates(id), origin, origin))]


def conditions(chosen: dict[str, Any]) -> tuple[str, tuple[Any, ...]]:
    """Join the conditions whose value is not None."""
    used = {condition: value for condition, value in chosen.items() if value is not None}
    return " AND ".join(used) or "1", tuple(used.values())
