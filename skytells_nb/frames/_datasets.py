"""Datasets: predictions as parquet files by month, more than a frame holds, on disk or in a bucket.

Such a folder is ``month=2026-03/000001.parquet`` and so on. Each prediction counts once: that row of it which
knows more, or else was written last. In a dataset of `append_dataset` alone only the months that have rows
written anew are looked through for it; where files were copied or put together, all of it is.

`aggregate` adds up without loading: by DuckDB where it is installed, else by pyarrow, file by file.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from .._storage import as_text
from ..api import parse_bounds
from ..checks import check_text, require_package
from ..exceptions import InvalidInputError, SkytellsError
from ..models import SANDBOX_ID, STATUSES, is_done
from ..pricing import PLAUSIBLE
from ._columns import COLUMNS, COUNTED, RATED, Chunk, from_frame

FURTHER: Final = {**RATED, **COUNTED}
SANDBOX: Final = "sandbox"
INPUT: Final = "input"
MARK: Final = "skytells_nb"
"""Where a file says which dataset it was written for, as which file, and whether it has rows written anew."""

UNDATED: Final = "month=unknown"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_A_QUARTER: Final = timedelta(minutes=15)
_QUARTER: Final = 900_000_000  # microseconds: every offset of a time zone since 1970 is a multiple
_FEW: Final = 64
"""Periods that are told apart by their files: months of ten million rows take 30 % less CPU so (measured)."""

_WILD: Final = re.compile(r"[*?\[]")
_PLACES: Final = 9
"""Decimals in which costs are added: exactly, so that the order of ten million additions is no matter."""


# What is in it.


def load_arrow() -> Any:
    """Import pyarrow, or say how to install it."""
    return require_package("pyarrow", "A dataset")


def arrow_schema() -> Any:
    """Return the columns that a dataset's files have, and their types."""
    arrow = load_arrow()
    types = {
        "time": arrow.timestamp("us", "UTC"),
        "number": arrow.float64(),
        "integer": arrow.int64(),
        "object": arrow.list_(arrow.string()),
    }
    kinds = {**COLUMNS, **FURTHER}
    fields = [(name, types.get(kind, arrow.string())) for name, kind in kinds.items()]
    return arrow.schema([*fields, (INPUT, arrow.string()), (SANDBOX, arrow.bool_())])


def keys_of(rows: Any) -> Any:
    """Return what tells the predictions of an Arrow table apart."""
    compute = import_module("pyarrow.compute")
    return compute.binary_join_element_wise(compute.fill_null(rows["origin"], ""), rows["id"], "\n")


def is_ended(rows: Any) -> Any:
    """Return which rows of an Arrow table are predictions that have ended."""
    compute = import_module("pyarrow.compute")
    done = load_arrow().array([each for each in STATUSES if is_done(each)])
    return compute.is_in(rows["status"], done)


def best_rows(rows: Any) -> Any:
    """Return which rows of an Arrow table count: of each prediction the last of those that know most."""
    compute = import_module("pyarrow.compute")
    kept = np.ones(len(rows), dtype=bool)
    if len(compute.unique(rows["id"])) < len(rows):
        codes = keys_of(rows).combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False)
        costs, ended = compute.is_valid(rows["cost"]).to_numpy(), is_ended(rows).to_numpy()
        order = np.lexsort((ended, costs, codes))
        kept[order[:-1]] = codes[order[:-1]] != codes[order[1:]]
    return kept


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Which rows are asked for."""

    since: datetime | None = None
    until: datetime | None = None
    model: str | None = None

    def __post_init__(self) -> None:
        if self.model is not None:
            check_text("model", self.model, what="a model's slug, or None for all of them")


def parse_filter(since: Any = None, until: Any = None, model: str | None = None) -> RowFilter:
    """Return bounds of ``created_at``, inclusive; a day alone means the whole day in UTC."""
    return RowFilter(*parse_bounds(since, until), model)


# Reading.


def is_dataset(source: object) -> bool:
    """Whether a folder that is no archive, one of its files, a glob or a URL is given."""
    text = os.fspath(source) if isinstance(source, str | os.PathLike) else None
    if not isinstance(text, str) or not text or text.lstrip().startswith(("{", "[{")):  # JSON is no glob
        return False
    text = os.path.expanduser(as_text(text))
    folder = os.path.isdir(text) and not (Path(text) / "index.sqlite").exists()
    return "://" in text or folder or text.endswith(".parquet") or _WILD.search(text) is not None


@dataclass(frozen=True, slots=True)
class _Files:
    source: str
    names: list[str]
    system: Any


@dataclass(frozen=True, slots=True)
class _Part:
    """A file, and which of its rows count; None for all of them."""

    fragment: Any
    counted: Any = None

    def read(self, columns: Collection[str], wanted: RowFilter) -> Any:
        """Return what is wanted of it as an Arrow table."""
        schema, condition, names = arrow_schema(), _condition(wanted), list(columns)
        if self.counted is None:
            return self.fragment.to_table(schema=schema, columns=names, filter=condition)
        table = self.fragment.to_table(schema=schema, columns=[*{*names, "created_at", "model"}])
        return table.filter(self.counted).filter(condition).select(names)

    @property
    def has_own_mark(self) -> bool:
        """Whether it says of each row if it is a sandbox's."""
        return SANDBOX in self.fragment.physical_schema.names


def _find(source: Any) -> _Files:
    text = os.path.expanduser(as_text(source))
    load_arrow()
    fs = import_module("pyarrow.fs")
    address, _, query = text.partition("?") if "://" in text else (text, "", "")
    wild = None if Path(text).exists() else _WILD.search(address)  # a folder may have brackets in its name
    base = (
        address[: max(address.rfind(end, 0, wild.start()) for end in ("/", os.sep)) + 1] if wild else address
    )
    with typed_errors(text, "read"):
        if "://" in text:
            system, root = fs.FileSystem.from_uri(f"{base}?{query}" if query else base)
            asked = (
                [root]
                if root.endswith(".parquet")
                else fs.FileSelector(root, recursive=True, allow_not_found=True)
            )
            found = system.get_file_info(asked)
            names = [each.path for each in found if each.is_file]
        else:
            system, root = fs.LocalFileSystem(), str(Path(base)) if base else ""
            names = [base] if Path(base).is_file() else [str(each) for each in Path(base).rglob("*.parquet")]
    if wild:
        pattern = "/".join(filter(None, (root.rstrip("/"), address[len(base) :])))
        names = [each for each in names if fnmatch(each, pattern) or fnmatch(each, f"{pattern}/*")]
    names = [each for each in names if each.endswith(".parquet") and Path(each).name[0] not in "._"]
    names.sort(key=lambda each: (UNDATED not in each, each))  # of rows that know as much the last one counts
    if not names:
        raise InvalidInputError(
            f"There is no dataset at {text}: it has no parquet files. Archive.to_parquet makes one."
        )
    return _Files(text, names, system)


def _parts(files: _Files, wanted: RowFilter) -> list[_Part]:
    """Return the files that may hold what is asked for, with the rows that count; refuses damaged ones."""
    ds = import_module("pyarrow.dataset")
    names = _of_months(files.names, wanted)
    schema = arrow_schema()
    with typed_errors(files.source, "read"):
        found = ds.dataset(names, schema=schema, filesystem=files.system, format="parquet")
        fragments = list(found.get_fragments())
        for fragment in fragments:
            try:
                own = fragment.physical_schema
            except (OSError, ValueError) as error:
                raise InvalidInputError(f"{fragment.path} is damaged: {error}") from None
            missing = {"id", "cost", "status", "created_at"} - set(own.names)
            if missing:
                raise InvalidInputError(
                    f"{fragment.path} holds no predictions: it has no column {', '.join(sorted(missing))}."
                )
        return [_Part(fragment, counted) for fragment, counted in _counted(fragments)]


def _counted(fragments: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield each file, and which of its rows count where some do not."""
    marks = [_mark_of(each) for each in fragments]
    datasets, files = ({str(mark.get(name, "")) for mark in marks} for name in ("dataset", "file"))
    is_one = "" not in files and len(datasets) == 1 and len(files) == len(fragments)
    months = [str(mark["file"]).partition("/")[0] if is_one else "" for mark in marks]
    doubtful = {month for month, mark in zip(months, marks, strict=True) if not is_one or mark.get("changes")}
    if doubtful:  # whose row was written anew may have had no time at first
        doubtful.add(UNDATED)
    tables = {
        at: fragment.to_table(schema=arrow_schema(), columns=["origin", "id", "cost", "status"])
        for at, fragment in enumerate(fragments)
        if months[at] in doubtful
    }
    best = None
    if tables:
        rows, compute = load_arrow().concat_tables(tables.values()), import_module("pyarrow.compute")
        anew = [table["id"] for at, table in tables.items() if marks[at].get("changes")]
        if is_one:  # whose row was not written anew counts: the rest need not be sorted
            ids = load_arrow().chunked_array([part for column in anew for part in column.chunks])
            at_issue, best = compute.is_in(rows["id"], ids), np.ones(len(rows), dtype=bool)
            best[at_issue.to_numpy()] = best_rows(rows.filter(at_issue))
        else:
            best = best_rows(rows)
    begin = 0
    for at, fragment in enumerate(fragments):
        size = len(tables.get(at, ()))
        own, begin = None if best is None else best[begin : begin + size], begin + size
        yield fragment, None if own is None or own.all() else own


def _mark_of(fragment: Any) -> dict[str, Any]:
    try:
        mark = json.loads((fragment.physical_schema.metadata or {}).get(MARK.encode(), b"{}"))
    except ValueError:
        return {}
    return mark if isinstance(mark, dict) else {}


def _of_months(names: Sequence[str], wanted: RowFilter) -> list[str]:
    """Leave out the files whose month has nothing that is asked for; others are not opened."""
    kept = []
    for name in names:
        month = next((part[6:] for part in Path(name).parts if part.startswith("month=")), None)
        early = wanted.since is not None and month is not None and month < f"{wanted.since:%Y-%m}"
        late = wanted.until is not None and month is not None and month > f"{wanted.until:%Y-%m}"
        if not early and not late:
            kept.append(name)
    return kept


def read_dataset(source: Any, columns: Collection[str] | None, wanted: RowFilter) -> Iterator[Chunk]:
    """Yield what is asked for of a dataset, file by file, and of its columns those that are asked for."""
    files = _find(source)
    names = [*COLUMNS, *FURTHER, INPUT, SANDBOX]
    if columns is not None:
        inputs = any(name == "prompt" or name.startswith("input.") for name in columns)
        needed = {"id", "origin", "status", "cost", "currency", SANDBOX, *columns}
        for together in (RATED, COUNTED):
            needed |= set(together) if needed & set(together) else set()
        names = [name for name in names if name in needed or (inputs and name == INPUT)]
    for part in _parts(files, wanted):
        with typed_errors(files.source, "read"):
            table = part.read(names, wanted)
        if table.num_rows:
            yield _chunk(table)


def _condition(wanted: RowFilter) -> Any:
    ds: Any = import_module("pyarrow.dataset")
    condition = ds.scalar(True)
    if wanted.since is not None:
        condition &= ds.field("created_at") >= wanted.since
    if wanted.until is not None:
        condition &= ds.field("created_at") <= wanted.until
    if wanted.model is not None:
        condition &= ds.field("model") == wanted.model
    return condition


def _chunk(table: Any) -> Chunk:
    frame = table.to_pandas()
    texts = frame.pop(INPUT) if INPUT in frame else []
    made = frame.pop(SANDBOX).fillna(False).astype(bool)
    chunk = from_frame(frame)
    chunk["sandbox_origins"] = set(frame.loc[made.to_numpy(), "origin"].dropna())
    if len(texts):
        del chunk["inputs"]
        plain = ["null" if text is None or text != text else text for text in texts]
        try:
            inputs = json.loads(f"[{','.join(plain)}]")
        except (ValueError, RecursionError):
            raise InvalidInputError("A column 'input' of the dataset holds no JSON.") from None
        chunk["input"] = [each if type(each) is dict else None for each in inputs]
    return chunk


# Adding up.

_SUMS: Final = ("rows", "cost", "failed", "known", "timed_cost", "seconds", "impossible", "running")
_GOING: Final = [each for each in STATUSES if not is_done(each)]
IMPOSSIBLE, KNOWN, TIMED = 1, 2, 3
"""What a cost is, in the groups that are added up; 0 is unknown, and what is timed is known, too."""


Periods = Callable[[Any], Any]
"""From quarters of an hour, as numpy microseconds, to the starts of their periods."""


def aggregate(
    source: Any,
    keys: Sequence[str],
    wanted: RowFilter,
    *,
    periods: Periods | None = None,
    spread: bool = False,
) -> pd.DataFrame:
    """Add up what `spend`, `total` and `forecast` need of a dataset, without loading it.

    ``keys`` are columns of text to group by. ``periods`` groups as well, in ``period`` (microseconds since
    1970); it is asked for every quarter of an hour that there is: the periods of every time zone are made of
    these. With ``spread``, ``mean`` and ``variance`` of the costs are worked out, too.

    There is a row for each group, ``sandbox`` and ``currency``: ``rows``, ``cost``, ``failed`` and
    ``timed_cost`` (Decimal), ``known``, ``seconds``, ``impossible`` and ``running``. A group may have several
    rows.
    """
    files = _find(source)
    parts = _parts(files, wanted)
    groups = [*dict.fromkeys([*keys, "currency", "status"]), SANDBOX]
    if periods is not None:
        groups.append("period")
    with typed_errors(files.source, "read"):
        # Whatever is not as `append_table` writes it is cast by pyarrow.
        ours = all(part.has_own_mark and _is_ours(part.fragment, groups) for part in parts)
        whole = [part.fragment for part in parts if part.counted is None]
        found = []
        if whole and ours and "://" not in files.source and find_spec("duckdb"):
            found = [_by_duckdb(whole, groups, wanted, periods, spread)]
            parts = [part for part in parts if part.counted is not None]
        found += [_sums_of_file(part, groups, wanted, periods, spread) for part in parts]
    sums = [split_costs(each) for each in found if len(each)]
    none = {name: pd.Series(dtype=object) for name in (*groups, *_SUMS, "mean", "variance")}
    return pd.concat(sums, ignore_index=True) if sums else pd.DataFrame(none)


def _is_ours(part: Any, groups: Sequence[str]) -> bool:
    own, ours = part.physical_schema, arrow_schema()
    names = {*groups, "cost", "predict_s", "created_at"} & set(own.names)
    return all(own.field(name).type == ours.field(name).type for name in names)


def split_costs(sums: pd.DataFrame) -> pd.DataFrame:
    """Say of each group, by its status and by what its costs are, what adds up to what."""
    kind, rows, cost = sums.pop("kind").astype(int), sums["rows"], sums["cost"]
    known = kind >= KNOWN
    return sums.assign(
        cost=cost.where(known, None),
        failed=cost.where(known & sums["status"].eq("failed"), None),
        known=rows.where(known, 0),
        timed_cost=cost.where(kind == TIMED, None),
        seconds=sums["seconds"].where(kind == TIMED, None),
        impossible=rows.where(kind == IMPOSSIBLE, 0),
        running=rows.where(~known & sums["status"].isin(_GOING), 0),
    )


def _by_duckdb(
    parts: Sequence[Any], groups: Sequence[str], wanted: RowFilter, periods: Periods | None, spread: bool
) -> pd.DataFrame:
    duckdb: Any = import_module("duckdb")
    quarter, when = f"epoch_us(created_at) // {_QUARTER}", "periods.period"
    rows = "read_parquet(?, hive_partitioning = false, union_by_name = true)"
    values: list[Any] = [[part.path for part in parts]]
    bounds = None if periods is None else _bounds(parts)
    alike = None if periods is None or bounds is None else _by_period(parts, bounds, periods)
    if alike is not None:
        when, values = "its_period", list(alike.values())
        named = (f"SELECT *, {period} AS its_period FROM {rows}" for period in alike)  # noqa: S608 - numbers
        rows = f"({' UNION ALL BY NAME '.join(named)})"
    asked = {"created_at >= ?": wanted.since, "created_at <= ?": wanted.until, "model = ?": wanted.model}
    where = [condition for condition, value in asked.items() if value is not None]
    values += [asked[condition] for condition in where]
    chosen = f"WHERE {' AND '.join(['true', *where])}"
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        if periods is not None and alike is None:
            if bounds is None:
                query = f"SELECT DISTINCT {quarter} FROM {rows} {chosen}"  # noqa: S608 - constants
                found = db.execute(query, values).fetchall()
                quarters = np.array([each for (each,) in found if each is not None], dtype="int64")
            else:
                quarters = np.arange(bounds.min(), bounds.max() + 1)
            starts = np.asarray(periods(quarters * _QUARTER))
            db.register("periods", load_arrow().table({"quarter": quarters, "period": starts}))
            rows = f"{rows} LEFT JOIN periods ON {quarter} = periods.quarter"
        known = f"cost BETWEEN 0 AND {PLAUSIBLE}"  # NaN is above all numbers in DuckDB
        figures = f", avg(cost) FILTER ({known}) AS mean, var_samp(cost) FILTER ({known}) AS variance"
        there = set[str]().union(*(part.physical_schema.names for part in parts))
        keys = [f'"{name}"' if name in there else f'NULL AS "{name}"' for name in groups if name != "period"]
        keys += [f"{when} AS period"] if periods is not None else []
        query = f"""
            SELECT {", ".join(keys)},
                CASE WHEN cost IS NULL THEN 0 WHEN NOT {known} THEN {IMPOSSIBLE}
                    WHEN predict_s IS NULL THEN {KNOWN} ELSE {TIMED} END AS kind,
                count(*) AS rows, sum(TRY_CAST(cost AS DECIMAL(18, {_PLACES}))) AS cost,
                sum(predict_s) AS seconds {figures if spread else ""}
            FROM {rows} {chosen} GROUP BY ALL"""  # noqa: S608 - names are those of COLUMNS
        done = db.execute(query, values)
        names = [column[0] for column in done.description]
        return pd.DataFrame(done.fetchall(), columns=names, dtype=object)  # its own frames have no Decimals


def _bounds(parts: Sequence[Any]) -> Any:
    """Return the first and the last quarter of an hour of each file, by what it says of itself.

    None where one does not say, has rows without a time, or times so far apart that it is better to ask.
    """
    bounds: list[tuple[int, int]] = []
    for part in parts:
        about = part.metadata
        column = about.schema.names.index("created_at")
        groups = [about.row_group(number).column(column).statistics for number in range(about.num_row_groups)]
        if not groups or not all(each and each.has_min_max and each.null_count == 0 for each in groups):
            return None
        low, high = min(each.min for each in groups), max(each.max for each in groups)
        bounds.append(((low - _EPOCH) // _A_QUARTER, (high - _EPOCH) // _A_QUARTER))
    return np.array(bounds, dtype="int64") if np.ptp(bounds) < 1_000_000 else None


def _by_period(parts: Sequence[Any], bounds: Any, periods: Periods) -> dict[int, list[str]] | None:
    """Return the files of each period, where every file lies in one: its times need not be read then."""
    starts = np.asarray(periods(bounds.ravel() * _QUARTER)).reshape(-1, 2)
    if (starts[:, 0] != starts[:, 1]).any() or len(np.unique(starts)) > _FEW:
        return None
    found: dict[int, list[str]] = {}
    for part, (start, _) in zip(parts, starts.tolist(), strict=True):
        found.setdefault(start, []).append(part.path)
    return found


def _sums_of_file(
    part: _Part, groups: Sequence[str], wanted: RowFilter, periods: Periods | None, spread: bool
) -> pd.DataFrame:
    arrow, compute = load_arrow(), import_module("pyarrow.compute")
    own = set() if part.has_own_mark else {"id"}
    table = part.read({*groups, *own, "cost", "predict_s", SANDBOX, "created_at"} - {"period"}, wanted)
    cost = table["cost"]
    known = compute.and_(compute.greater_equal(cost, 0.0), compute.less_equal(cost, float(PLAUSIBLE)))
    known = compute.fill_null(known, False)
    timed = compute.if_else(compute.is_valid(table["predict_s"]), TIMED, KNOWN)
    columns = {name: table[name] for name in groups if name != "period"}
    columns[SANDBOX] = compute.fill_null(table[SANDBOX], False)
    if not part.has_own_mark:
        columns[SANDBOX] = compute.or_(
            columns[SANDBOX], compute.match_substring_regex(table["id"], f"^{SANDBOX_ID}")
        )
    if periods is not None:
        quarters = compute.divide(compute.cast(table["created_at"], arrow.int64()), _QUARTER)
        found = compute.drop_null(compute.unique(quarters))
        starts = arrow.array(periods(found.to_numpy() * _QUARTER))
        columns["period"] = starts.take(compute.index_in(quarters, found))
    columns |= {
        "kind": compute.if_else(known, timed, compute.cast(compute.is_valid(cost), arrow.int64())),
        "rows": arrow.repeat(1, len(table)),
        "cost": compute.cast(compute.if_else(known, cost, None), arrow.decimal128(38, _PLACES)),
        "seconds": table["predict_s"],
        "float": cost,
    }
    figures: list[Any] = [("rows", "sum"), ("cost", "sum"), ("seconds", "sum")]
    if spread:
        figures += [("float", "mean"), ("float", "variance", compute.VarianceOptions(ddof=1))]
    result: pd.DataFrame = arrow.table(columns).group_by([*groups, "kind"]).aggregate(figures).to_pandas()
    plain = {f"{name}_sum": name for name in ("rows", "cost", "seconds")}
    return result.rename(columns={**plain, "float_mean": "mean", "float_variance": "variance"})


@contextmanager
def typed_errors(source: str, done: str) -> Iterator[None]:
    """Turn what a disk, a bucket or a damaged file raises into one typed error."""
    try:
        yield
    except Exception as error:
        foreign = type(error).__module__.partition(".")[0] in ("_duckdb", "duckdb", "obstore", "pyarrow")
        if not foreign and not isinstance(error, OSError):
            raise
        why = " ".join(str(error).split())[:300] or type(error).__name__
        raise SkytellsError(f"The dataset {source} cannot be {done}: {why}", charged=False) from None
