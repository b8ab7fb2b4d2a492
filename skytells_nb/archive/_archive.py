"""`Archive`: a folder people can open, with an index, that keeps what the API deletes."""

from __future__ import annotations

import asyncio
import csv
import glob
import json
import os
import shutil
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from .. import _lazy
from .._options import options
from .._storage import as_text, is_url, open_storage
from ..aio import gather, run
from ..api import Account, Observer
from ..checks import check_path, check_whole, expected
from ..exceptions import InvalidInputError, SkytellsError
from ..models import Prediction, PredictionList
from ..plaintext import FORMULA
from . import _index as index
from . import _reindex as reindex
from ._database import archive_error
from ._files import SIDECAR, THUMBNAILS, FileStore, is_name
from ._reader import ArchiveReader, check_string
from ._serialize import Rating
from ._shared import SharedFiles, folder_for
from ._votes import VoteLog
from ._writer import ArchiveWriter, read_record

if TYPE_CHECKING:
    from ..api import AsyncClient, Client

_DEFAULT: Final = "skytells_outputs"
_OFF: Final = frozenset({"0", "false", "off", "no", "none"})
_ON: Final = frozenset({"1", "true", "on", "yes"})
_AT_ONCE: Final = 4
_EXPORTED: Final = ("file", "prompt", "model", "rating", "tags", "note", "cost", "created_at", "id")

_open: Final[WeakValueDictionary[int, Archive]] = WeakValueDictionary()


class Archive(ArchiveReader, Observer):
    """Keeps predictions and their outputs in a folder: readable file names, JSON beside each, an index.

    Hand it to a client and every prediction that is seen to end comes back with ``files``, fetched in
    the same call. Nothing is made on disk before there is something to keep. Threads, tasks and
    processes may share a folder, and machines a bucket, where each output and its JSON is an object. Of a
    bucket, the index is on each machine, made from the JSON, and so are the outputs that were looked at
    lately; ``files`` are fetched as they are opened. What cannot be sent is kept here until it can.

    Parameters
    ----------
    path : str or Path
        The folder, or the URL of a bucket: ``s3://bucket/prefix``, ``gs://…``, ``az://…``, or ``file:///…``
        for a folder on a disk of the network. Buckets need ``pip install "skytells-nb[cluster]"``; region and
        credentials are those of the environment, such as ``AWS_ACCESS_KEY_ID``.
    endpoint : str, optional
        The address of a server that speaks S3, such as MinIO; else ``AWS_ENDPOINT_URL``.
    cache : str or Path, optional
        The folder on this machine for a bucket's index, outputs and batches; else one for each bucket in
        ``~/.local/state/skytells_nb``.
    cache_size : int
        How many bytes of a bucket's outputs are kept there.

    Raises
    ------
    InvalidInputError
        The path is empty, or none, or an option makes no sense.
    SkytellsError
        The bucket's credentials are incomplete, or obstore is not installed. Whatever else a bucket refuses
        is raised by its first use: before the first create is sent.

    Attributes
    ----------
    path : Path
        The folder, absolute; of a bucket, that on this machine.
    url : str or None
        The bucket's.
    database : Database
        The index; a batch keeps its journal in it, too.

    Examples
    --------
    >>> import tempfile
    >>> import skytells_nb as sky
    >>> with tempfile.TemporaryDirectory() as folder, sky.Sandbox(seconds=0.1) as sandbox:
    ...     with sky.Archive(folder) as archive, sandbox.client(archive=archive) as client:
    ...         made = client.predictions.create("truefusion", {"prompt": "a red fox in snow"})
    ...         len(archive), archive.find("fox")[0].id == made.id, made.files[0].suffix
    (1, True, '.png')
    """

    def __init__(
        self,
        path: str | os.PathLike[str] = _DEFAULT,
        *,
        endpoint: str | None = None,
        cache: str | os.PathLike[str] | None = None,
        cache_size: int = 2 * 2**30,
    ) -> None:
        if not isinstance(path, str | os.PathLike) or not (text := as_text(path)) or "\0" in text:
            raise expected("path", "the path of a folder, or the URL of a bucket", path)
        check_string("endpoint", endpoint, optional=True)
        check_whole("cache_size", cache_size, 0)
        self.url = text if is_url(text) else None
        if self.url is None and (endpoint is not None or cache is not None):
            raise expected("path", "the URL of a bucket where endpoint or cache is given", path)
        self._options: dict[str, Any] = {"endpoint": endpoint, "cache": cache, "cache_size": cache_size}
        shared = None
        folder = Path(path) if self.url is None else Path(cache or folder_for(self.url, endpoint))
        try:
            folder = folder.expanduser().absolute()
        except (OSError, RuntimeError) as error:  # as where the working directory was deleted
            raise SkytellsError(
                f"The archive's folder {os.fspath(folder)!r} is nowhere: {error}. Name it from the root on.",
                charged=False,
            ) from error
        if self.url is not None:
            shared = SharedFiles(folder, open_storage(self.url, endpoint=endpoint), cache_size)
        self._files = shared or FileStore(folder)
        self.path = self._files.root
        self.database = reindex.database(self._files, None if shared is None else shared.create)
        super().__init__(ArchiveWriter(self._files, self.database, shared))
        _open[id(self)] = self

    @classmethod
    def in_use(cls) -> list[Archive]:
        """Return the archives that somebody holds in this process and has not closed."""
        return [each for reference in _open.valuerefs() if (each := reference()) is not None]

    @classmethod
    def resolve(cls, value: Archive | str | os.PathLike[str] | bool | None = None) -> Archive | None:
        """Choose an archive as ``archive=`` does.

        Parameters
        ----------
        value : Archive, path, bool or None
            An archive or a path is taken as it is; False is none. None asks ``sky.options.archive``,
            then the environment's ``SKYTELLS_ARCHIVE`` (a path, or ``off``), then takes the folder
            ``skytells_outputs``. True is the same but never none.

        Raises
        ------
        InvalidInputError
            For anything else.

        Examples
        --------
        >>> from skytells_nb.archive import Archive
        >>> Archive.resolve(False) is None, Archive.resolve("pictures").path.name
        (True, 'pictures')
        """
        if isinstance(value, Archive):
            return value
        if value is None or value is True:
            set_to = options.archive
            chosen: object = set_to if set_to not in (None, True) else None
            if chosen is None:
                named = os.environ.get("SKYTELLS_ARCHIVE", "").strip()
                word = named.lower()
                chosen = False if word in _OFF else _DEFAULT if word in _ON else named or _DEFAULT
            if chosen is False:
                return cls(_DEFAULT) if value is True else None
            value = chosen  # type: ignore[assignment]  # checked below
        if value is False:
            return None
        if isinstance(value, str | os.PathLike) and os.fspath(value):
            return cls(value)
        raise expected("archive", "an Archive, a path, True, False or None", value)

    async def ended(self, account: Account, prediction: Prediction) -> Prediction:
        """Record a prediction that has ended and fetch its outputs; the client calls this."""
        self._writer.resume(account)
        # A text model's answer that is still queued cannot be asked for again: this is all there will be.
        is_last = prediction.done or prediction.raw.get("object") == "response"
        return await self._writer.ended(account, prediction) if is_last else prediction

    async def listed(self, account: Account, predictions: Sequence[Prediction]) -> dict[str, Prediction]:
        """Fetch what is owed of a listing; the client calls this."""
        return await self._writer.listed(account, predictions)

    async def before_create(self, account: Account, model: str, input: dict[str, Any]) -> object:
        """Fetch what an earlier process was stopped in, and note what is asked; the client calls this.

        A bucket that cannot be written raises, so that nothing is paid for whose outputs have no place.
        """
        self._writer.resume(account)
        if self._writer.shared is not None:
            await asyncio.to_thread(self._writer.shared.check)
        try:
            return model, await asyncio.to_thread(self._canonical, account, input)
        except (ValueError, RecursionError):
            return None

    async def created(self, account: Account, ticket: object, prediction: Prediction) -> None:
        """Note what was asked, since the API may show it with its defaults, or not at all."""
        if isinstance(ticket, tuple):
            self._writer.asked[account, prediction.id] = ticket

    def to_parquet(self, path: str | os.PathLike[str]) -> int:
        """Append what is new to a dataset of parquet files, parted by month; return how many rows were new.

        The dataset holds each prediction once, with the columns of a predictions frame, its ``input`` as
        JSON, and ``sandbox``. Several archives, of several machines, may append to one at the same time.
        Of what it holds already, what is known better since, such as a cost, an end or a rating, is written
        anew, and the newest row counts; where archives differ, that is what was brought last.

        Parameters
        ----------
        path : path or URL
            A folder, such as ``"dataset/"``, or a bucket, such as ``"s3://bucket/prefix"`` (which takes the
            package obstore, and credentials from the environment).

        Raises
        ------
        SkytellsError
            The place cannot be written, or pyarrow is not installed.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> import skytells_nb as sky
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     archive = sky.Archive(pathlib.Path(folder) / "outputs")
        ...     with sky.Sandbox(seconds=0.1) as sandbox, sandbox.client(archive=archive) as client:
        ...         made = client.predictions.create("truefusion-edge", {"prompt": "a red fox"})
        ...     dataset = pathlib.Path(folder) / "dataset"
        ...     archive.to_parquet(dataset), archive.to_parquet(dataset), len(sky.predictions_frame(dataset))
        ...     archive.close()
        (1, 0, 1)
        """
        return int(_lazy.append_dataset(self, path))

    def rate(
        self,
        prediction: Prediction | str,
        stars: int | None = None,
        *,
        tags: Iterable[str] = (),
        note: str = "",
    ) -> Rating:
        """Keep what you think of a prediction, in the index and in the JSON beside its outputs.

        It takes the place of what was said before.

        Parameters
        ----------
        prediction : Prediction or str
            Which, or its id.
        stars : int or None
            1 to 5; 0 rejects it; None takes the rating back.
        tags : iterable of str
            Words to find it by.
        note : str
            Anything else.

        Raises
        ------
        InvalidInputError
            The stars are none, or there is no such prediction here.
        """
        if stars is not None:
            stars = check_whole("stars", stars, 0, 5, none="taking it back")
        words = (tags,) if isinstance(tags, str) else tuple(() if tags is None else tags)
        for word in words:
            check_string("a tag", word)
        check_string("note", note)
        rating = Rating(stars, tuple(dict.fromkeys(word.strip() for word in words if word.strip())), note)
        rowids = self._rows_of(prediction)
        if not rowids:
            id, place = getattr(prediction, "id", prediction), self.url or self.path
            raise InvalidInputError(
                f"Prediction {id!r:.80} is not in the archive in {place}, so it cannot be rated. "
                "archive.adopt(client) takes over what the API still lists."
            )
        store = self._files
        rated = {"rating": rating.stars, "tags": list(rating.tags), "note": rating.note}
        temporary: list[Path] = []

        def write(db: sqlite3.Connection) -> None:
            for rowid in rowids:
                index.put_rating(db, rowid, rating)
                for name in _names(db, rowid):
                    path = store.path(name)
                    if path is not None and name.endswith(SIDECAR) and (record := read_record(path)):
                        text = json.dumps({**record, **rated}, indent=1)
                        temporary.append(store.write_temporary(text.encode()))
                        self._writer.place_record(db, rowid, temporary[-1], name)

        try:
            self.database.writing(write)
        except OSError as error:
            raise archive_error(error, store.root) from error
        finally:
            for path in temporary:
                path.unlink(missing_ok=True)
        self._writer.send()
        return rating

    def vote_log(self) -> VoteLog:
        """Return the votes that an arena keeps here, to read them and to add to them."""
        files = self._files
        return VoteLog(files.remote if isinstance(files, SharedFiles) else files)

    def export(
        self,
        folder: str | os.PathLike[str],
        *,
        min_rating: int | None = None,
        tag: str | None = None,
        model: str | None = None,
        since: date | datetime | str | None = None,
        until: date | datetime | str | None = None,
    ) -> list[Path]:
        """Copy outputs to a folder of your own, with a table of what they are, and return the copies' paths.

        The folder is made where it is missing, and files of the same names are replaced. Which outputs: see
        `predictions`.

        Raises
        ------
        InvalidInputError
            The folder cannot be written, or what is asked for makes no sense.
        """
        chosen = self.predictions(None, min_rating=min_rating, tag=tag, model=model, since=since, until=until)

        def ratings(db: sqlite3.Connection) -> list[Rating]:  # all in one reading, as they are now
            rows = [index.rows_of(db, each.id, each.origin) for each in chosen]
            return [index.rating_of(db, own[0]) if own else Rating() for own in rows]

        rated = zip(chosen, self.database.reading(ratings, list[Rating]()), strict=True)
        target = check_path("folder", folder)
        copies: list[Path] = []
        try:
            target.mkdir(parents=True, exist_ok=True)
            with open(target / "outputs.csv", "w", encoding="utf-8-sig", newline="") as file:
                table = csv.writer(file)
                table.writerow(_EXPORTED)
                for prediction, rating in rated:
                    facts = (
                        *(prediction.prompt, prediction.model, rating.stars, ", ".join(rating.tags)),
                        *(rating.note, prediction.cost, prediction.created_at, prediction.id),
                    )
                    for path in filter(Path.is_file, prediction.files):
                        copies.append(Path(shutil.copyfile(path, target / path.name)))
                        texts = ("" if each is None else each for each in facts)
                        cells = [t.isoformat() if isinstance(t, datetime) else str(t) for t in texts]
                        # No spreadsheet is to take one for a formula.
                        table.writerow([path.name, *(f"'{t}" if FORMULA.search(t) else t for t in cells)])
        except OSError as error:
            raise InvalidInputError(
                f"{target} could not be written: {error.strerror or error}. Choose another folder."
            ) from error
        return copies

    def remove(self, prediction: Prediction | str) -> bool:
        """Delete a prediction's files, the JSON beside them, and its row; False where there was none.

        Either all of it goes or, where a file is open in another program on Windows, nothing does.

        Raises
        ------
        SkytellsError
            When it cannot be deleted; nothing was then.

        Examples
        --------
        >>> from skytells_nb.archive import Archive
        >>> Archive("no-such-folder").remove("p1")
        False
        """
        rowids, store = self._rows_of(prediction), self._files
        if not rowids:
            return False
        if isinstance(store, SharedFiles):
            store.remove(self.database.reading(lambda db: [n for r in rowids for n in _names(db, r)], []))
        # Files are moved aside first, which can be undone, and deleted once the rows are gone.
        aside: list[tuple[Path, Path]] = []

        def take_out(db: sqlite3.Connection) -> bool:
            known = "SELECT 1 FROM predictions WHERE rowid = ?"
            there = [rowid for rowid in rowids if db.execute(known, (rowid,)).fetchone()]
            for rowid in there:
                for name in _names(db, rowid):
                    source, target = store.root / name, store.temporary()
                    if os.path.lexists(source):
                        os.replace(source, target)
                        aside.append((source, target))
                index.delete(db, rowid)
            return bool(there)

        try:
            removed = self.database.writing(take_out)
        except (SkytellsError, OSError) as error:
            for source, target in reversed(aside):
                with suppress(OSError):
                    os.replace(target, source)
            raise SkytellsError(
                f"The prediction could not be removed, and nothing of it was deleted: {error}. Close the "
                "program that has one of its files open, and try again."
            ) from error
        for source, target in aside:
            with suppress(OSError):
                target.unlink()
            folder = store.root / THUMBNAILS / source.parent.name  # <name>.<digest>: what the display keeps
            for thumbnail in folder.glob(glob.escape(source.name) + ".*"):
                with suppress(OSError):
                    thumbnail.unlink()
            for emptied in (source.parent, folder):
                with suppress(OSError):
                    emptied.rmdir()
        return removed

    def adopt(self, client: Client | AsyncClient) -> PredictionList:
        """Record all that has ended and the API still lists, and fetch every output that is still to be had.

        What is archived already is not asked for again, and what still runs is left to whoever waits for
        it. Returned is what was not here before, or has files now that were missing, newest first.

        Examples
        --------
        >>> import tempfile
        >>> import skytells_nb as sky
        >>> with tempfile.TemporaryDirectory() as folder, sky.Sandbox(seconds=0.1) as sandbox:
        ...     with sandbox.client() as client, sky.Archive(folder) as archive:
        ...         made = client.predictions.create("truefusion", {"prompt": "a red fox in snow"})
        ...         len(archive.adopt(client)), len(archive.adopt(client))
        (1, 0)
        """
        account = client.connection.account
        # Not whole predictions: the pictures that they were given would fill the memory.
        kept = (
            "SELECT p.id, o.path FROM predictions p LEFT JOIN outputs o ON o.prediction = p.rowid "
            "WHERE p.origin = ?"
        )
        known: dict[str, set[Path | None]] = {}
        for id, name in self._read(lambda db: db.execute(kept, (account.origin,)).fetchall(), list[Any]()):
            known.setdefault(id, set()).add(self._files.path(name))

        async def take(prediction: Prediction) -> Prediction | None:
            taken = await self._writer.ended(account, prediction)
            is_news = prediction.id not in known or set(taken.files) - known[prediction.id]
            return taken if is_news else None

        ended = (take(each) for each in client.as_sync().predictions.list(limit=None) if each.done)
        return PredictionList(filter(None, run(gather(ended, limit=_AT_ONCE, progress=False))))

    def close(self) -> None:
        """Close the index; the next use opens it again."""
        self.database.close()
        _open.pop(id(self), None)

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        try:
            return f"Archive({self.url or str(self.path)!r}, {len(self):,} predictions)"
        except SkytellsError as error:
            return f"Archive({self.url or str(self.path)!r}, unreadable: {error.message[:60]}…)"

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(Archive, self.url or self.path, **self._options), ()


def _names(db: sqlite3.Connection, rowid: int) -> list[str]:
    """List the names that a prediction's files may have: outputs, and the JSON beside them."""
    row = db.execute("SELECT stem FROM predictions WHERE rowid = ?", (rowid,)).fetchone()
    paths = [stored.path for stored in index.outputs_of(db, rowid).values() if stored.path]
    names = [*paths, *(path + SIDECAR for path in paths)]
    if row and row[0]:
        names.append(row[0] + SIDECAR)
    return [name for name in names if is_name(name)]
