"""Every operation, every fault, both clients, over real sockets: the right answer or the right typed error.

The table says what comes of each; what it does not say holds for every line: at most one bill, the key to
nobody else, and no connection, thread or file left. The server is `RawApi`, which shares no code with the
toolkit or its sandbox; below, the sandbox's own faults go through the same operations.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

import skytells_nb as sky
from skytells_nb import exceptions
from skytells_nb.models import Prediction

from .server import FAULTS, KEY, RawApi

MODEL, TEXT, VECTORS = "truefusion", "gpt-5.4", "text-embedding-3-small"
INPUT = {"prompt": "a red fox in snow"}

# The next request meets the fault, what is sent again does not: so a read is "good" where trying again
# helps, else it ends in the error so named. A create's answer that is lost is looked for; nothing lists a
# text, so its error says that it may have been billed (a question mark: charged is None). file: whether the
# archive has the output, or owes it and knows why.
TABLE = """
fault        | create               | read               | change             | text                 | file
-            | good                1| good               | good               | good                1| kept
refuses      | Network             0| Network            | Network            | Network             0| kept
closes       | UncertainCreate?    0| good               | good               | Network?            0| kept
resets       | UncertainCreate?    0| good               | good               | Network?            0| kept
closes after | good                1| good               | good               | Network?            1| kept
resets after | good                1| good               | good               | Network?            1| kept
half a header| good                1| good               | good               | Network?            1| kept
half a body  | good                1| good               | good               | Network?            1| kept
silent       | good                1| good               | good               | Network?            1| owed
drips        | good                1| good               | good               | good                1| kept
torn chunks  | good                1| good               | good               | Network?            1| kept
no http      | good                1| good               | good               | Network?            1| kept
late         | good                1| good               | good               | good                1| kept
stale        | good                1| good               | good               | good                1| kept
answers twice| good                1| good               | good               | good                1| kept
early hints  | good                1| good               | good               | good                1| kept
login page   | good                1| good               | good               | Server?             1| kept
nothing in it| good                1| Server             | good               | good                1| kept
another kind | good                1| Server             | good               | Server?             1| kept
gateway      | good                1| good               | good               | Server?             1| kept
429          | good                1| good               | good               | good                1| kept
500          | good                1| good               | good               | Server?             0| kept
503          | good                1| good               | good               | Server?             0| kept
401          | Authentication      0| Authentication     | Authentication     | Authentication      0| owed
402          | InsufficientCredits 0| InsufficientCredits| InsufficientCredits| InsufficientCredits 0| owed
403          | PermissionDenied    0| PermissionDenied   | PermissionDenied   | PermissionDenied    0| kept
422          | InvalidInput        0| InvalidInput       | InvalidInput       | InvalidInput        0| owed
451          | ContentPolicy       0| ContentPolicy      | ContentPolicy      | ContentPolicy       0| owed
elsewhere    | Skytells            0| Skytells           | Skytells           | Skytells            0| kept
"""

HEAD, *LINES = ([cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines())
ROWS = {cells[0]: dict(zip(HEAD[1:], cells[1:], strict=True)) for cells in LINES}

Call = Callable[[Any, str], Any]
OPERATIONS: dict[str, tuple[str, str, Call]] = {
    "create": ("create", "create", lambda client, _: client.predictions.create(MODEL, INPUT, wait=False)),
    "get": ("read", "get", lambda client, name: client.predictions.get(name)),
    "wait": ("read", "get", lambda client, name: client.predictions.wait(name)),
    "list": ("read", "list", lambda client, _: client.predictions.list()),
    "models.list": ("read", "models", lambda client, _: client.models.list()),
    "models.get": ("read", "model", lambda client, _: client.models.get(MODEL)),
    "chat": ("text", "text", lambda client, _: client.chat.completions.create(TEXT, "A fox?")),
    "responses": ("text", "text", lambda client, _: client.responses.create(TEXT, "A fox?")),
    "embeddings": (
        "text",
        "text",
        lambda client, _: client.embeddings.create(VECTORS, "A fox?"),
    ),
    "cancel": ("change", "cancel", lambda client, name: client.predictions.cancel(name)),
    "delete": ("change", "delete", lambda client, name: client.predictions.delete(name)),
    "files": ("file", "file", lambda client, name: client.predictions.get(name)),
}
"""By name: the column that says what comes of it, the route that meets the fault, and the call."""

open_before: list[Any] = []
running: set[threading.Thread] = set()
FACES = ("Client", "AsyncClient")
CASES = [
    (fault, operation, face)
    for fault in ROWS
    for operation in OPERATIONS
    for face in FACES
    if (fault, operation) != ("refuses", "wait")  # borne for two minutes: tests/api/test_watching_many.py
]


@dataclass
class Ending:
    """What came of one operation."""

    value: Any
    billed: int
    leaks: list[str]
    is_idle: bool
    asked: list[str]
    owed: list[str] = field(default_factory=list)


def outcome(call: Call, face: str, identifier: str, *, key: str = KEY, **options: Any) -> Any:
    """Carry an operation out with a client that is closed then; gives its value or its error."""

    async def awaited() -> Any:
        async with sky.AsyncClient(key, timeout=1.0, **options) as client:
            return await call(client, identifier)

    try:
        if face == "AsyncClient":
            return asyncio.run(awaited())
        with sky.Client(key, timeout=1.0, **options) as client:
            return call(client, identifier)
    except exceptions.SkytellsError as error:
        return error


def play(case: tuple[str, str, str], folder: Path) -> Ending:
    fault, operation, face = case
    _, route, call = OPERATIONS[operation]
    with RawApi() as api:
        seconds = 60.0 if operation == "cancel" else 0.0
        paid = OPERATIONS[operation][0] in ("create", "text")
        identifier = "" if paid else api.add(MODEL, INPUT, seconds=seconds)
        archive: Any = sky.Archive(folder / "-".join(case)) if operation == "files" else False
        if fault == "refuses":
            if operation != "files":
                api.stop_listening()
        elif fault != "-":
            api.upset(route, fault)
        value = outcome(call, face, identifier, base_url=api.url, archive=archive)
        owed = []
        if archive:
            owed = [each.problem or "" for each in archive.outputs(identifier) if each.path is None]
            archive.close()
        return Ending(value, len(api.billed), api.leaks, api.wait_until_idle(), api.asked, owed)


@pytest.fixture(scope="module")
def endings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str, str], Future[Ending]]]:
    folder = tmp_path_factory.mktemp("matrix")
    sky.run(asyncio.sleep(0))  # the toolkit's loop runs, which is no leak
    open_before.extend(psutil.Process().net_connections())
    running.update(threading.enumerate())
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(24) as pool:
        patch.setattr("skytells_nb.api._download._HEADERS_IN", 6.0)  # of a server that drips them, else 20 s
        yield {case: pool.submit(play, case, folder) for case in CASES}


@pytest.mark.filterwarnings("ignore::skytells_nb.exceptions.SkytellsWarning")
@pytest.mark.parametrize("case", CASES, ids=" · ".join)
def test_it_ends_in_the_right_answer_or_the_right_error(
    endings: dict[tuple[str, str, str], Future[Ending]], case: tuple[str, str, str]
) -> None:
    fault, operation, _ = case
    ending, row = endings[case].result(60), ROWS[fault]
    column = OPERATIONS[operation][0]
    said = row[column]
    if operation == "wait" and said == "Server":
        said = "good"  # it looks again
    if column == "file":
        assert isinstance(ending.value, Prediction), ending
        assert bool(ending.value.files) == (said == "kept"), ending
        assert bool(ending.owed) == (said == "owed"), ending
    elif said.startswith("good"):
        assert not isinstance(ending.value, Exception), ending
        assert not isinstance(ending.value, list) or len(ending.value) == 1, ending
    else:
        assert type(ending.value) is getattr(exceptions, said.split()[0].rstrip("?") + "Error"), ending
    if column in ("create", "text"):
        assert ending.billed == int(said[-1]), ending
        if isinstance(ending.value, Exception):
            assert ending.value.charged is (None if "?" in said else False), ending
    assert ending.asked.count("create") <= 2
    assert ending.leaks == []
    assert ending.is_idle, "a connection was left open"


def test_what_a_server_says_unasked_is_nobodys_answer() -> None:
    with RawApi() as api, sky.Client(KEY, base_url=api.url) as client:
        api.upset("create", "answers twice", 2)
        made = [client.predictions.create(MODEL, INPUT, wait=False).id for _ in range(3)]
        assert made == api.billed


def test_nothing_is_left_open(endings: dict[tuple[str, str, str], Future[Ending]]) -> None:
    async def left() -> list[str]:
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:  # what goes on after an interrupt ends
            await asyncio.wait(tasks)
        return [
            each.name for each in threading.enumerate() if "transport" in each.name and each not in running
        ]

    for future in endings.values():
        future.result(60)
    assert sky.run(left()) == []
    assert len(psutil.Process().net_connections()) <= len(open_before)


def test_every_fault_has_its_line() -> None:
    assert set(ROWS) == {"-", "refuses", *FAULTS}
