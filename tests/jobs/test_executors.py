"""A shared batch whose workers are those of an executor."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

from skytells_nb.exceptions import AuthenticationError, SkytellsWarning

from .conftest import INPUTS, MANY, statuses

pytest_plugins = ["postgres"]
pytestmark = pytest.mark.usefixtures("soon")


@pytest.fixture(autouse=True)
def key_in_the_environment(sandbox, monkeypatch):
    monkeypatch.setenv("SKYTELLS_API_KEY", sandbox.api_key)


def test_one_with_submit_works_it_off(night, sandbox, archive):
    with ThreadPoolExecutor(3) as pool:
        made = night(MANY, executor=pool, limit=2)
    assert statuses(made) == ["succeeded"] * len(MANY)
    assert made[0].files, "kept in the archive of the same path"
    assert sandbox.billed == len(MANY)


def test_drains_that_are_run_again_harm_nothing(night, sandbox):
    class Twice(ThreadPoolExecutor):
        def submit(self, *args: Any, **options: Any) -> Any:
            super().submit(*args, **options)
            return super().submit(*args, **options)

    with Twice(2) as pool:
        assert statuses(night(MANY, executor=pool, limit=2)) == ["succeeded"] * len(MANY)
    assert sandbox.billed == len(MANY)


def test_workers_of_another_key_say_so(night, monkeypatch, creates):
    monkeypatch.setenv("SKYTELLS_API_KEY", "sk-of-somebody-else")
    with ThreadPoolExecutor(2) as pool, pytest.raises(AuthenticationError, match="Set SKYTELLS_API_KEY"):
        night(INPUTS, executor=pool)
    assert creates() == 0


def test_why_they_stopped_is_told(night, sandbox):
    sandbox.faults.always("no_credit", after=3)
    with (
        ThreadPoolExecutor(1) as pool,
        pytest.warns(SkytellsWarning, match=r"1 not sent\. Not enough credit"),
    ):
        made = night(INPUTS, executor=pool, limit=1)
    assert statuses(made) == ["succeeded"] * 3 + ["not_sent"]


def test_a_dask_cluster_does_too(night, sandbox):
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=None) as cluster,
        Client(cluster) as dask,
    ):
        made = night(INPUTS, executor=dask, limit=2)
    assert statuses(made) == ["succeeded"] * 4
    assert sandbox.billed == 4


def test_a_process_pool_does_too(night, sandbox):
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn) as pool:
        made = night(INPUTS, executor=pool, limit=2)
    assert statuses(made) == ["succeeded"] * 4
    assert made[0].files, "kept in the archive of the same path"
    assert sandbox.billed == 4
