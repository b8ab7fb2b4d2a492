"""The same operations through the sandbox's own faults, over its real socket."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

import skytells_nb as sky
from skytells_nb import exceptions

from .test_matrix import FACES, INPUT, MODEL, OPERATIONS, outcome

# As in test_matrix.py: the next request meets the fault, what is sent again does not.
TABLE = """
fault          | create                | read             | change           | text
rate_limit     | good                1 | good             | good             | good             1
server_error   | good                1 | good             | good             | Server?          0
html_gateway   | UncertainCreate?    0 | good             | good             | Server?          0
drop_before    | UncertainCreate?    0 |                  |                  |
drop_after     | good                1 |                  |                  |
hang_after     | good                1 |                  |                  |
error_after    | good                1 |                  |                  |
queued_false   | good                1 |                  |                  |
no_credit      | InsufficientCredits 0 |                  |                  |
suspended      | PermissionDenied    0 | PermissionDenied | PermissionDenied | PermissionDenied 0
forbidden      | PermissionDenied    0 | PermissionDenied | PermissionDenied | PermissionDenied 0
unauthorized   | Authentication      0 | Authentication   | Authentication   | Authentication   0
content_policy | ContentPolicy       0 |                  |                  |
broken_json    | good                1 | good             | good             | Server?          1
empty_body     | good                1 | Server           | good             | good             1
slow           | good                1 | good             | good             | good             1
missing_date   | good                1 | good             | good             | good             1
"""

HEAD, *LINES = ([cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines())
ROWS = {cells[0]: dict(zip(HEAD[1:], cells[1:], strict=True)) for cells in LINES}
ROUTES = {"get": "read", "text": ("chat", "responses", "embeddings")}
CASES = [(fault, face) for fault in ROWS for face in FACES]


def play(fault: str, face: str) -> dict[str, tuple[Any, int]]:
    """Carry every operation out on one sandbox; gives each one's value or error, and what it was billed."""
    found: dict[str, tuple[Any, int]] = {}
    with sky.Sandbox(seconds=0.02) as quick, sky.Sandbox(seconds=60) as slow:
        for operation, (column, route, call) in OPERATIONS.items():
            if column == "file" or not ROWS[fault][column]:
                continue
            identifier, sandbox = "", slow if operation == "cancel" else quick
            if column in ("read", "change"):
                with sandbox.client(archive=False) as client:
                    identifier = client.predictions.create(MODEL, INPUT, wait=sandbox is quick).id
            details = {"seconds": 0.1} if fault == "slow" else {}
            details |= {"retry_after": 0} if fault == "rate_limit" else {}
            before = sandbox.billed
            sandbox.faults.next(fault, on=ROUTES.get(route, route), **details)
            value = outcome(call, face, identifier, key=sandbox.api_key, base_url=sandbox.url, archive=False)
            sandbox.faults.clear()
            found[operation] = value, sandbox.billed - before
    return found


@pytest.fixture(scope="module")
def endings() -> Iterator[dict[tuple[str, str], Future[dict[str, tuple[Any, int]]]]]:
    with ThreadPoolExecutor(8) as pool:
        yield {case: pool.submit(play, *case) for case in CASES}


@pytest.mark.filterwarnings("ignore::skytells_nb.exceptions.SkytellsWarning")
@pytest.mark.parametrize(("fault", "face"), CASES)
def test_each_operation_ends_in_the_right_answer_or_error(
    endings: dict[tuple[str, str], Future[dict[str, tuple[Any, int]]]], fault: str, face: str
) -> None:
    for operation, (value, billed) in endings[fault, face].result(120).items():
        column = OPERATIONS[operation][0]
        said = ROWS[fault][column]
        if said.startswith("good") or (operation == "wait" and said == "Server"):
            assert not isinstance(value, Exception), (operation, value)
        else:
            assert type(value) is getattr(exceptions, said.split()[0].rstrip("?") + "Error"), (
                operation,
                value,
            )
        if column in ("create", "text"):
            assert billed == int(said[-1]), (operation, value)
            if isinstance(value, Exception):
                assert value.charged is (None if "?" in said else False), (operation, value)
