"""Give each user of a JupyterHub a learner's key of one class sandbox: a recipe for ``jupyterhub_config.py``.

The teacher starts the sandbox on the hub's machine, with the users' names and the keys in a file:

    skytells-nb sandbox --class alice,bob --keys keys.csv

and `sky.connect()` in anybody's notebook finds that user's key, quota and budget. Who is not of the class
gets no key, and a sandbox of their own.
"""

import csv
from pathlib import Path

c = get_config()  # noqa: F821 - JupyterHub's own, which reads this file

KEYS = Path("keys.csv")


def give_key(spawner):
    """Put the key of a user into the environment of their server, before it starts."""
    with KEYS.open(newline="", encoding="utf-8") as file:  # anew for each, so that who joins later is found
        rows = {row["learner"]: row for row in csv.DictReader(file)}
    row = rows.get(spawner.user.name)
    if row is not None:
        spawner.environment["SKYTELLS_API_KEY"] = row["api_key"]
        spawner.environment["SKYTELLS_BASE_URL"] = row["base_url"]


c.Spawner.pre_spawn_hook = give_key
