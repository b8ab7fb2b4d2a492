"""Shift-Tab, editors and mypy see every method as it is, on both clients."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from mypy import api as mypy

import skytells_nb as sky

METHODS = {
    "predictions": ("create", "get", "wait", "cancel", "delete", "list", "reconcile"),
    "models": ("list", "get"),
}
NAMES = [(group, name) for group, names in METHODS.items() for name in names]


@pytest.fixture(params=[sky.Client, sky.AsyncClient])
def client(request: pytest.FixtureRequest) -> Any:
    return request.param("sk-test")


def method(client: Any, group: str, name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(getattr(client, group), name)
    return found


@pytest.mark.parametrize(("group", "name"), NAMES)
def test_a_method_shows_its_name_its_parameters_and_what_it_gives(client: Any, group: str, name: str) -> None:
    found = method(client, group, name)
    signature = inspect.signature(found)
    assert found.__name__ == name
    assert found.__qualname__ == f"{type(getattr(client, group)).__name__}.{name}"
    assert "self" not in signature.parameters
    assert "Flow" not in str(signature)
    assert signature.return_annotation not in (inspect.Signature.empty, "")
    assert method(client, group, name) == found


def test_create_has_the_signature_of_the_course(client: Any) -> None:
    signature = inspect.signature(client.predictions.create)
    model, input, wait, *options = signature.parameters.values()
    assert (model.name, input.name, wait.name, wait.default) == ("model", "input", "wait", True)
    assert model.annotation in ("str", str), "a reader evaluates annotations where it finds them"
    assert {each.kind for each in (wait, *options)} == {inspect.Parameter.KEYWORD_ONLY}
    assert {model.default, input.default} == {inspect.Parameter.empty}
    assert signature.return_annotation == "Prediction"
    assert inspect.signature(client.predictions.list).parameters["limit"].default == 20
    assert inspect.signature(client.predictions.reconcile).return_annotation == "Prediction | None"


@pytest.mark.parametrize(("group", "name"), NAMES)
def test_a_method_is_documented(client: Any, ipython: InteractiveShell, group: str, name: str) -> None:
    found = method(client, group, name)
    told = inspect.getdoc(found)
    assert told is not None
    for parameter in inspect.signature(found).parameters:
        assert re.search(rf"\b{parameter}\b", told), f"{parameter} is not explained"
    bundle = ipython.inspector._get_info(found, oname=f"client.{group}.{name}")
    assert told.splitlines()[0] in bundle["text/plain"]
    assert "Signature" in bundle["text/plain"]


@pytest.mark.parametrize(("group", "name"), NAMES)
def test_only_the_methods_of_an_async_client_are_coroutine_functions(group: str, name: str) -> None:
    assert not inspect.iscoroutinefunction(method(sky.Client("sk-test"), group, name))
    assert inspect.iscoroutinefunction(method(sky.AsyncClient("sk-test"), group, name))


@pytest.mark.parametrize(("group", "name"), NAMES)
def test_a_class_shows_its_methods_too(group: str, name: str) -> None:
    from skytells_nb.api import AsyncModels, AsyncPredictions, Models, Predictions

    for owner in (Predictions, AsyncPredictions) if group == "predictions" else (Models, AsyncModels):
        shown = getattr(owner, name)
        assert callable(shown)
        assert inspect.getdoc(shown)


PROJECT = Path(__file__).parents[2]

TYPED = """
from skytells_nb import AsyncClient, Client

client = Client("sk-test")
reveal_type(client.predictions.create("truefusion", {"prompt": "x"}))
reveal_type(client.predictions.wait("p1", timeout=5))
reveal_type(client.predictions.delete("p1"))
reveal_type(client.predictions.list(limit=None))
reveal_type(client.models.get("truefusion"))
reveal_type(client.as_async())


async def main() -> None:
    async with AsyncClient("sk-test") as awaiting:
        reveal_type(awaiting.predictions.create("truefusion", {"prompt": "x"}))
        reveal_type(await awaiting.predictions.get("p1"))
        reveal_type(await awaiting.models.list())
        reveal_type(awaiting.as_sync())


client.predictions.create("truefusion", {}, wat=False)
client.predictions.create(5, {})
client.predictions.get()
with Client("sk-test") as entered:
    reveal_type(entered)
"""

REVEALED = [
    "skytells_nb.models._prediction.Prediction",
    "skytells_nb.models._prediction.Prediction",
    "None",
    "skytells_nb.models._prediction.PredictionList",
    "skytells_nb.models._model.Model",
    "skytells_nb.api._client.AsyncClient",
    "typing.Coroutine[Any, Any, skytells_nb.models._prediction.Prediction]",
    "skytells_nb.models._prediction.Prediction",
    "skytells_nb.models._model.ModelList",
    "skytells_nb.api._client.Client",
    "skytells_nb.api._client.Client",
]


def test_mypy_knows_what_every_method_takes_and_gives(tmp_path: Path) -> None:
    script = tmp_path / "typed.py"
    script.write_text(TYPED, encoding="utf-8")
    limit = sys.getrecursionlimit()
    # With the settings and the cache of `mypy` itself, which then has less to do.
    settings = ["--config-file", str(PROJECT / "pyproject.toml"), "--cache-dir", str(PROJECT / ".mypy_cache")]
    try:
        out, problems, _ = mypy.run([*settings, "--no-error-summary", str(script)])
    finally:
        sys.setrecursionlimit(limit)  # which it raises so far that a test which runs into it ends the process
    assert problems == ""
    revealed = re.findall(r'Revealed type is "([^"]*)"', out)
    assert [re.sub(r"^builtins\.", "", each) for each in revealed] == REVEALED
    errors = [line for line in out.splitlines() if ": error:" in line]
    assert len(errors) == 4, out
    assert "unused-coroutine" in errors[0], "a forgotten await is an error"
    assert 'Unexpected keyword argument "wat"' in errors[1]
    assert "arg-type" in errors[2]
    assert "call-arg" in errors[3]


def test_a_method_works_through_its_class_as_well(sandbox: sky.Sandbox) -> None:
    from skytells_nb.api import Models

    with sandbox.client() as client:
        assert Models.get(client.models, "truefusion").id == "truefusion"


def test_what_the_two_clients_offer_is_the_same() -> None:
    plain, awaiting = sky.Client("sk-test"), sky.AsyncClient("sk-test")
    for group, names in METHODS.items():
        for name in names:
            one, other = method(plain, group, name), method(awaiting, group, name)
            assert inspect.signature(one) == inspect.signature(other)
            assert one.__doc__ == other.__doc__
    assert inspect.signature(sky.Client) == inspect.signature(sky.AsyncClient)
    missing = {name for name in dir(plain) if not name.startswith("_")} ^ {
        name for name in dir(awaiting) if not name.startswith("_")
    }
    assert missing == {"aclose"}
