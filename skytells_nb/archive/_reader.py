"""The half of an archive that reads: up to date, and without rows that are damaged beyond mending."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .. import _lazy
from ..api import Account, check_limit, check_status, parse_bounds
from ..checks import check_whole, expected
from ..exceptions import SkytellsError, warn_user
from ..models import Model, Prediction, PredictionList, slugs_of
from ..schema import closest_model
from . import _index as index
from . import _reindex as reindex
from ._index import Stored
from ._serialize import Rating, canonical, digest, input_digest
from ._writer import ArchiveWriter, defaults_of

if TYPE_CHECKING:
    from pandas import DataFrame

T = TypeVar("T")


class ArchiveReader:
    """What can be asked of an archive, of what its writer has kept and of what is not in the index yet."""

    def __init__(self, writer: ArchiveWriter) -> None:
        self._writer = writer
        self._reading = writer.database.reading
        self._beyond_mending: set[int] = set()

    def predictions(
        self,
        limit: int | None = 100,
        *,
        model: str | None = None,
        since: date | datetime | str | None = None,
        until: date | datetime | str | None = None,
        status: str | None = None,
        origin: str | None = None,
        min_rating: int | None = None,
        tag: str | None = None,
    ) -> PredictionList:
        """List what is kept, newest first, of all accounts and origins unless ``origin`` is given.

        Parameters
        ----------
        limit : int or None
            How many at most; None is all.
        model, status, origin : str, optional
            Only these. A model's name may be written otherwise; one that is misspelt is warned of.
        since, until : date, datetime or str, optional
            Bounds of the time of creation, both inclusive. A day alone means the whole of it, in UTC.
        min_rating : int, optional
            Only those rated with at least so many stars; see `rate`.
        tag : str, optional
            Only those rated with this tag.

        Examples
        --------
        >>> from skytells_nb.archive import Archive
        >>> Archive("no-such-folder").predictions(status="succeeded", since="2026-11-01")
        PredictionList of 0
        """
        model = slugs_of(model)
        for name, value in (("model", model), ("origin", origin), ("tag", tag)):
            check_string(name, value, optional=True)
        if min_rating is not None:
            min_rating = check_whole("min_rating", min_rating, 0, 5)
        first, last = map(index.to_micros, parse_bounds(since, until))
        chosen = {
            "p.model = ?": model,
            "p.status = ?": check_status(status),
            "p.origin = ?": origin,
            "p.moment >= ?": first,
            "p.moment <= ?": last,
            "p.rating >= ?": min_rating,
            "? IN (SELECT value FROM json_each(p.tags))": tag,
        }
        self._writer.catch_up()
        found = self._select(*_conditions(chosen), limit)
        if found or model is None:
            return found
        query = "SELECT DISTINCT model FROM predictions WHERE model IS NOT NULL"
        names = self._reading(lambda db: db.execute(query).fetchall(), list[tuple[str]]())
        meant, near = closest_model(model, [Model.from_api({"namespace": name}) for (name,) in names])
        if meant is None and near is not None:
            warn_user(f"This archive has nothing of a model {model!r}. Did you mean {near.id!r}?")
        if meant is None or meant.id == model:
            return found
        return self._select(*_conditions(chosen | {"p.model = ?": meant.id}), limit)

    def get(self, id: str | Prediction, origin: str | None = None) -> Prediction | None:
        """Return one prediction by its id, the newest where several accounts have it; None if unknown.

        Parameters
        ----------
        id : str or Prediction
            The prediction's id, or itself as it was seen earlier.
        origin : str, optional
            The base URL of the API it came from, where several have such an id.

        Examples
        --------
        >>> from skytells_nb.archive import Archive
        >>> Archive("no-such-folder").get("p1") is None
        True
        """
        id = id.id if isinstance(id, Prediction) else id
        check_string("id", id)
        self._writer.catch_up()
        where = "p.id = ? AND (? IS NULL OR p.origin = ?)"
        found = self._select(where, (index.replace_surrogates(id), origin, origin), 1)
        return found[0] if found else None

    def find(self, text: str, limit: int | None = 100) -> PredictionList:
        """Find predictions whose prompt holds all these words, or words that begin so; newest first.

        Capitals and accents make no difference. Signs that are no words, such as an emoji, must be there
        too. Where no word matches, prompts that hold the text anywhere are found. Lyrics and captions are
        searched like prompts.

        Parameters
        ----------
        text : str
            Words of a prompt, in any order. There are no operators: whatever is typed is looked for.
        limit : int, optional
            How many at most; None for all.

        Examples
        --------
        >>> from skytells_nb.archive import Archive
        >>> Archive("no-such-folder").find('fox "in snow')
        PredictionList of 0
        """
        check_string("text", text)
        self._read(index.require_words, None)
        query = index.match_query(text)
        if query is not None:
            words, signs = query
            also = " AND instr(text, ?) > 0" * len(signs)
            where = f"p.rowid IN (SELECT rowid FROM words WHERE words MATCH ?{also})"  # noqa: S608 - marks only
            found = self._select(where, (index.replace_surrogates(words), *signs), limit)
            if found:
                return found
        return self._of_rows(self._reading(lambda db: index.containing(db, text), list[int]()), limit)

    def rows(self, origin: str | None = None) -> Iterator[dict[str, Any]]:
        """Return everything as plain rows, newest first: the fast way into a frame.

        Each has the columns of a predictions frame, ``input`` as a dict, and also ``account`` (the
        key's fingerprint) and ``sandbox``, so that rehearsals are never added to money.

        Examples
        --------
        >>> from skytells_nb.archive import Archive
        >>> sum(row["cost"] or 0 for row in Archive("no-such-folder").rows() if not row["sandbox"])
        0
        """
        for chunk in self.columns(origin):
            yield from index.plain_rows(chunk)

    def columns(self, origin: str | None = None) -> list[dict[str, Sequence[Any]]]:
        """Return everything as plain columns, newest first, some thousand rows at a time.

        The names are the index's: times are microseconds since 1970 ("created", "started",
        "completed"), ``cost`` is a text, exact; ``input``, ``output`` and ``tags`` are decoded. A frame is
        made of this, since a dict for each of 100,000 rows takes longer than all the rest.
        """
        self._writer.catch_up()
        where, values = _conditions({"p.origin = ?": origin})
        return self._read_mended(
            lambda db, damaged: index.columns(db, where, values, damaged), list[dict[str, Sequence[Any]]]()
        )

    def outputs(self, id: str, origin: str | None = None) -> list[Stored]:
        """List what is kept of each output of a prediction, and why one is missing; see `get`.

        Examples
        --------
        >>> from skytells_nb.archive import Archive
        >>> Archive("no-such-folder").outputs("p1")
        []
        """
        check_string("id", id)

        def read(db: sqlite3.Connection) -> list[Stored]:
            found = index.rows_of(db, id, origin)
            stored = index.outputs_of(db, found[0]) if found else {}
            return [stored[position] for position in sorted(stored)]

        return self._read(read, [])

    def to_pandas(self) -> DataFrame:
        """Tabulate everything: a DataFrame with one row per prediction."""
        frame: DataFrame = _lazy.predictions_frame(self)
        return frame

    def rating(self, prediction: Prediction | str) -> Rating:
        """Return what you think of a prediction: its ``stars``, ``tags`` and ``note``, empty if unrated."""
        rowids = self._rows_of(prediction)
        if not rowids:
            return Rating()
        return self._reading(lambda db: index.rating_of(db, rowids[0]), Rating())

    def equal_inputs(
        self,
        account: Account,
        model: str,
        input: Mapping[str, Any],
        *,
        without: Container[str] = (),
        oldest_first: bool = False,
    ) -> Iterator[Prediction]:
        """Find what this account has made of an equal input and whose files are there, newest first.

        Parameters
        ----------
        account : Account
            Whose they are.
        model, input : str, mapping
            Plain JSON, with files as data URIs, which are compared by their content. Where a client of this
            account has read the model's schema, what is left out counts as its default.
        without : container of str
            Ids that are passed over.
        oldest_first : bool
            Whether they come the other way round.
        """
        try:
            as_sent: dict[str, Any] = canonical(input)
            asked = self._canonical(account, as_sent)  # its files are digests by now, not read again
        except (ValueError, RecursionError):
            return
        defaults: dict[str, Any] = canonical(defaults_of(account, model))
        alike = [input_digest(model, asked, defaults)]  # and where the schema was unread when it was made:
        alike += [input_digest(model, {n: v for n, v in asked.items() if v != defaults.get(n)})]
        alike += [input_digest(model, asked)]
        # As an earlier version noted it, URLs are text, and null is a value.
        alike += [digest(model, given) for given in (as_sent, {**defaults, **as_sent})]
        wanted = [each for each in dict.fromkeys(alike) if each is not None]
        rows = self._read(lambda db: index.equal_inputs(db, account, wanted), list[tuple[int, str]]())
        for rowid, identifier in reversed(rows) if oldest_first else rows:
            if identifier in without:
                continue
            for prediction in self._of_rows([rowid], 1):
                if _nulls(prediction.input, defaults) != _nulls(asked, defaults):
                    continue
                has_all = len(prediction.files) >= len(prediction.output or ())
                if has_all and all(map(self._writer.store.has, prediction.files)):
                    yield prediction

    def by_ids(self, ids: Sequence[str], account: Account) -> dict[str, Prediction]:
        """Return those of an account's predictions that are here, by their id.

        Parameters
        ----------
        ids : sequence of str
            Their ids; one that is not here is no error.
        account : Account
            Whose they are.
        """
        self._writer.catch_up()
        where = "p.origin = ? AND p.account = ? AND p.id IN (SELECT value FROM json_each(?))"
        values = (account.origin, account.fingerprint, json.dumps([*map(index.replace_surrogates, ids)]))
        return {prediction.id: prediction for prediction in self._select(where, values, None)}

    def file(self, stored: Stored) -> Path | None:
        """Return where the file of one of `outputs` is; None where it has none."""
        return self._writer.store.path(stored.path)

    def size(self) -> int:
        """Count the bytes of all outputs that are kept; ``len(archive)`` counts the predictions.

        Examples
        --------
        >>> from skytells_nb.archive import Archive
        >>> Archive("no-such-folder").size()
        0
        """
        return self._count("SELECT coalesce(sum(size), 0) FROM outputs WHERE path NOT NULL")

    def __len__(self) -> int:
        return self._count("SELECT count(*) FROM predictions")

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Prediction]:
        return iter(self.predictions(limit=None))

    def __contains__(self, prediction: object) -> bool:
        return isinstance(prediction, Prediction | str) and bool(self._rows_of(prediction))

    def _rows_of(self, prediction: Prediction | str) -> list[int]:
        origin = prediction.origin if isinstance(prediction, Prediction) else None
        id = prediction.id if isinstance(prediction, Prediction) else prediction
        check_string("prediction", id)
        return self._read(lambda db: index.rows_of(db, id, origin), list[int]())

    def _canonical(self, account: Account, input: Mapping[str, Any]) -> dict[str, Any]:
        """Return an input as it is compared: an output that is here counts by its file, also by its URL."""

        def read(url: str) -> bytes | None:
            writer = self._writer
            with suppress(SkytellsError, OSError):  # while the index is locked, or where the file is gone
                name = writer.database.reading(
                    lambda db: index.file_of_url(db, account, url), None, writer.patience
                )
                path = writer.store.path(name)
                return None if path is None else path.read_bytes()
            return None

        found: dict[str, Any] = canonical(input, read)
        return found

    def _count(self, query: str) -> int:
        return int(self._read(lambda db: db.execute(query).fetchone()[0], 0))

    def _of_rows(self, rowids: list[int], limit: int | None = None) -> PredictionList:
        return self._select("p.rowid IN (SELECT value FROM json_each(?))", (json.dumps(rowids),), limit)

    def _select(self, where: str, values: Sequence[Any], limit: int | None) -> PredictionList:
        """Return the predictions that a condition selects, newest first."""
        most = None if (wanted := check_limit(limit)) is None else min(wanted, sys.maxsize)
        files = self._writer.store
        return PredictionList(
            self._read_mended(
                lambda db, damaged: index.predictions(db, files, where, values, most, damaged),
                list[Prediction](),
            )
        )

    def _read(self, query: Callable[[sqlite3.Connection], T], missing: T) -> T:
        """Call a function with one view of the index, as it is now; ``missing`` where there is none.

        Of a bucket, what is new is listed first. What is read just after that needs no other listing.
        """
        self._writer.catch_up()
        return self._reading(query, missing)

    def _read_mended(self, query: Callable[[sqlite3.Connection, list[int]], T], missing: T) -> T:
        """Read, and once more where damaged rows could be written anew; those that cannot be are left out.

        The query adds the numbers of damaged rows to the list that it is given.
        """
        damaged: list[int] = []
        found = self._reading(lambda db: query(db, damaged), missing)
        new = [rowid for rowid in damaged if rowid not in self._beyond_mending]
        if not new:
            return found
        self._beyond_mending.update(new)
        store = self._writer.store
        with suppress(SkytellsError):  # a read-only archive stays as it is
            if self._writer.database.writing(lambda db: reindex.mend(db, store, new)):
                damaged.clear()
                found = self._reading(lambda db: query(db, damaged), missing)
        self._beyond_mending.difference_update(set(new) - set(damaged))
        if lost := len(self._beyond_mending.intersection(damaged)):
            warn_user(
                f"{lost:,} rows of the archive's index in {store.root} are damaged, and no JSON file beside "
                "their outputs says what was in them; they are left out."
            )
        return found


def check_string(name: str, value: object, *, optional: bool = False) -> None:
    if not isinstance(value, str) and not (optional and value is None):
        raise expected(name, "a string", value)


def _nulls(input: Mapping[str, Any] | None, defaults: Mapping[str, Any]) -> set[str]:
    """Return the names of what is null on purpose: its default is another."""
    given = (input or {}).items()
    return {name for name, value in given if value is None and defaults.get(name) is not None}


def _conditions(chosen: dict[str, Any]) -> tuple[str, tuple[Any, ...]]:
    used = {condition: value for condition, value in chosen.items() if value is not None}
    return " AND ".join(used) or "1", tuple(used.values())
