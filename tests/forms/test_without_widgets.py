"""A kernel whose Python has no ipywidgets: forms say what to install, and the rest works."""

import subprocess
import sys

_LOOK = """
import sys

sys.modules["ipywidgets"] = None  # as if it were not installed
import skytells_nb as sky

for name in ("PromptForm", "Playground"):
    try:
        getattr(sky, name)
    except ModuleNotFoundError as error:
        print(error.name, error)
with sky.Sandbox(seconds=0) as sandbox, sandbox.client() as client:
    create = client.as_async().predictions.create("truefusion-edge", {"prompt": "a fox"})

    async def main():
        return await sky.gather(create, progress=True)

    (fox,) = sky.run(main())
    print(fox.status)
"""


def test_without_ipywidgets_a_form_says_what_to_install_and_pictures_are_made_all_the_same(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _LOOK],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    *forms, status = done.stdout.splitlines()
    assert len(forms) == 2
    assert all(line.startswith("ipywidgets Forms need ipywidgets") for line in forms)
    assert all("%pip install ipywidgets" in line for line in forms)
    assert status == "succeeded"
