"""`Archive`: a folder people can open, with an index, that keeps what the API deletes."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from .. import _lazy
from .._options import options
from .._storage import as_text, is_url, open_storage
from ..api import Account, Observer, check_status, parse_bounds
from ..checks import check_whole, expected
from ..exceptions import InvalidInputError, SkytellsError, warn_user
from ..models import Model, Prediction, PredictionList, slugs_of
from ..schema import closest_model
from . import _index as index
from . import _reindex as reindex
from ._files import FileStore
from ._index import Stored
from ._reader import ArchiveReader, adopt, conditions, export, rate, remove
from ._serialize import Rating
from ._shared import SharedFiles, folder_for
from ._votes import VoteLog
from ._writer import ArchiveWriter

if TYPE_CHECKING:
    from pandas import DataFrame

    from ..api import AsyncClient, Client

_DEFAULT: Final = "skytells_outputs"
_OFF: Final = frozenset({"0", "false", "off", "no", "none"})
_ON: Final = frozenset({"1", "true", "on", "yes"})

_open: Final[WeakValueDictionary[int, Archive]] = WeakValueDictionary()


class Archive(Observer):
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
        if not isinstance(path, str | os.PathLike) or not os.fspath(path):
            raise expected("path", "the path of a folder, or the URL of a bucket", path)
        _check_text("endpoint", endpoint, optional=True)
        check_whole("cache_size", cache_size, 0)
        self.url = as_text(path) if is_url(as_text(path)) else None
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
        self._writer = ArchiveWriter(self._files, self.database, shared)
        self._reader = ArchiveReader(self._writer)
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
            return model, await asyncio.to_thread(self._reader.canonical, account, input)
        except (ValueError, RecursionError):
            return None

    async def created(self, account: Account, ticket: object, prediction: Prediction) -> None:
        """Note what was asked, since the API may show it with its defaults, or not at all."""
        if isinstance(ticket, tuple):
            self._writer.asked[account, prediction.id] = ticket

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
            _check_text(name, value, optional=True)
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
        found = self._reader.predictions(*conditions(chosen), limit)
        if found or model is None:
            return found
        kept = [Model.from_api({"namespace": name}) for name in self._reader.models()]
        meant, near = closest_model(model, kept)
        if meant is None and near is not None:
            warn_user(f"This archive has nothing of a model {model!r}. Did you mean {near.id!r}?")
        if meant is None or meant.id == model:
            return found
        return self._reader.predictions(*conditions(chosen | {"p.model = ?": meant.id}), limit)

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
        _check_text("id", id)
        found = self._reader.predictions(
            "p.id = ? AND (? IS NULL OR p.origin = ?)", (index.replace_surrogates(id), origin, origin), 1
        )
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
        _check_text("text", text)
        return self._reader.find(text, limit)

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
        where, values = conditions({"p.origin = ?": origin})
        return self._reader.read_mended(
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
        _check_text("id", id)
        return self._reader.outputs(id, origin)

    def to_pandas(self) -> DataFrame:
        """Tabulate everything: a DataFrame with one row per prediction."""
        frame: DataFrame = _lazy.predictions_frame(self)
        return frame

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
            _check_text("a tag", word)
        _check_text("note", note)
        rating = Rating(stars, tuple(dict.fromkeys(word.strip() for word in words if word.strip())), note)
        rowids = self._rows_of(prediction)
        if not rowids:
            id, place = getattr(prediction, "id", prediction), self.url or self.path
            raise InvalidInputError(
                f"Prediction {id!r:.80} is not in the archive in {place}, so it cannot be rated. "
                "archive.adopt(client) takes over what the API still lists."
            )
        rate(self._writer, rowids, rating)
        return rating

    def rating(self, prediction: Prediction | str) -> Rating:
        """Return what you think of a prediction: its ``stars``, ``tags`` and ``note``, empty if unrated."""
        rowids = self._rows_of(prediction)
        if not rowids:
            return Rating()
        return self._reader.read(lambda db: index.rating_of(db, rowids[0]), Rating())

    def vote_log(self) -> VoteLog:
        """Return the votes that an arena keeps here, to read them and to add to them."""
        files = self._files
        return VoteLog(files.remote if isinstance(files, SharedFiles) else files)

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
        return self._reader.equal_inputs(account, model, input, without, oldest_first)

    def by_ids(self, ids: Sequence[str], account: Account) -> dict[str, Prediction]:
        """Return those of an account's predictions that are here, by their id.

        Parameters
        ----------
        ids : sequence of str
            Their ids; one that is not here is no error.
        account : Account
            Whose they are.
        """
        where = "p.origin = ? AND p.account = ? AND p.id IN (SELECT value FROM json_each(?))"
        values = (account.origin, account.fingerprint, json.dumps([*map(index.replace_surrogates, ids)]))
        return {prediction.id: prediction for prediction in self._reader.predictions(where, values, None)}

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
        return export(folder, [(prediction, self.rating(prediction)) for prediction in chosen])

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
        rowids = self._rows_of(prediction)
        return bool(rowids) and remove(self._writer, rowids)

    def file(self, stored: Stored) -> Path | None:
        """Return where the file of one of `outputs` is; None where it has none."""
        return self._files.path(stored.path)

    def size(self) -> int:
        """Count the bytes of all outputs that are kept; ``len(archive)`` counts the predictions.

        Examples
        --------
        >>> from skytells_nb.archive import Archive
        >>> Archive("no-such-folder").size()
        0
        """
        return self._reader.count("SELECT coalesce(sum(size), 0) FROM outputs WHERE path NOT NULL")

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
        kept_here = self.predictions(None, origin=account.origin)
        listed = client.as_sync().predictions.list(limit=None)
        return PredictionList(adopt(self._writer, account, kept_here, listed))

    def close(self) -> None:
        """Close the index; the next use opens it again."""
        self.database.close()
        _open.pop(id(self), None)

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return self._reader.count("SELECT count(*) FROM predictions")

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Prediction]:
        return iter(self.predictions(limit=None))

    def __contains__(self, prediction: object) -> bool:
        if isinstance(prediction, Prediction):
            return self.get(prediction.id, prediction.origin) is not None
        return isinstance(prediction, str) and self.get(prediction) is not None

    def __repr__(self) -> str:
        try:
            return f"Archive({self.url or str(self.path)!r}, {len(self):,} predictions)"
        except SkytellsError as error:
            return f"Archive({self.url or str(self.path)!r}, unreadable: {error.message[:60]}…)"

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(Archive, self.url or self.path, **self._options), ()

    def _rows_of(self, prediction: Prediction | str) -> list[int]:
        if isinstance(prediction, Prediction):
            return self._reader.rows(prediction.id, prediction.origin)
        _check_text("prediction", prediction)
        return self._reader.rows(prediction)


def _check_text(name: str, value: object, *, optional: bool = False) -> None:
    if not isinstance(value, str) and not (optional and value is None):
        raise expected(name, "a string", value)
