"""The recipe for a JupyterHub: its hook gives each user the key that a class sandbox wrote for them."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import skytells_nb as sky
from skytells_nb.sandbox._accounts import write_keys

RECIPE = Path(__file__).parents[1] / "docs" / "jupyterhub_config.py"


def test_each_user_has_the_key_of_their_name_and_strangers_none(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = SimpleNamespace(Spawner=SimpleNamespace())
    recipe = runpy.run_path(str(RECIPE), {"get_config": lambda: config})
    assert config.Spawner.pre_spawn_hook is recipe["give_key"]
    with sky.Sandbox(seconds=0, learners=["alice", "bob"]) as sandbox:
        write_keys("keys.csv", sandbox.learners, sandbox.url)
        given = {}
        for name in ("alice", "bob", "mallory"):
            spawner = SimpleNamespace(user=SimpleNamespace(name=name), environment={})
            recipe["give_key"](spawner)
            given[name] = spawner.environment
        assert given["mallory"] == {}
        clients = {
            name: sky.connect(environment["SKYTELLS_API_KEY"], base_url=environment["SKYTELLS_BASE_URL"])
            for name, environment in given.items()
            if environment
        }
        clients["alice"].predictions.create("truefusion-edge", {"prompt": "a fox"})
        assert {name: len(client.predictions.list()) for name, client in clients.items()} == {
            "alice": 1,
            "bob": 0,
        }
        for client in clients.values():
            client.close()
