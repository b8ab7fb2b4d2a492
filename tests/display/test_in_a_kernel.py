"""In a real kernel: what the saved notebook holds after its cells have run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .pictures import encoded, photograph
from .reading import strictly

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

CELLS = (
    "from pathlib import Path\n"
    "from skytells_nb.display import gallery, show\n"
    "from skytells_nb._options import options\n"
    "from skytells_nb.models import Model, Prediction, PredictionList\n"
    "p = Prediction(id='p1', status='succeeded', model='truefusion', input={'prompt': 'a fox'},"
    " files=(Path('fox.png'),))",
    "p",
    "PredictionList([p] * 12)",
    "show(p)",
    "with options(cell_budget=50_000):\n    show(gallery([p] * 12))",
    "Model(id='truefusion', type='image')",
    "import skytells_nb as sky\n"
    "with sky.Sandbox(seconds=0.3) as sandbox, sandbox.client() as client:\n"
    "    show(client.chat.completions.create('gpt-5', 'Why is the sea blue?', stream=True))",
)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("kernel")
    (folder / "fox.png").write_bytes(encoded(photograph()))
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    where = {"metadata": {"path": str(folder)}}
    root = str(Path(__file__).resolve().parents[2])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", root)
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        nbclient.NotebookClient(made, timeout=60, kernel_name="python3", resources=where).execute()
    return made


def outputs(notebook: Any, cell: int) -> list[Any]:
    return list(notebook.cells[cell].outputs)


@pytest.mark.parametrize("cell", [1, 2, 3, 4, 5])
def test_every_cell_leaves_one_output_in_both_kinds(notebook, cell):
    (output,) = outputs(notebook, cell)
    assert set(output["data"]) - {"image/png"} == {"text/html", "text/plain"}
    strictly(output["data"]["text/html"])


def test_a_last_line_and_show_give_the_same(notebook):
    assert outputs(notebook, 1)[0]["data"] == outputs(notebook, 3)[0]["data"]


def test_the_pictures_are_in_the_notebook(notebook):
    assert strictly(outputs(notebook, 1)[0]["data"]["text/html"]).pictures()[0].width >= 200
    assert len(strictly(outputs(notebook, 2)[0]["data"]["text/html"]).pictures()) == 12


def test_each_cell_keeps_its_budget_in_the_saved_file(notebook):
    def saved(cell: int) -> int:
        alone = nbformat.v4.new_notebook(cells=[notebook.cells[cell]])
        return len(nbformat.writes(alone).encode())

    assert saved(1) <= 122_000  # 60 kB of HTML, and as much PNG for exports without it
    assert saved(2) <= 1_000_000
    assert saved(4) <= 52_000


def test_a_stream_grows_in_one_output_and_stays_there(notebook):
    (output,) = outputs(notebook, 6)
    assert "Why is the sea blue?" in output["data"]["text/html"]
    assert "tokens (" in output["data"]["text/html"]
    assert output["data"]["text/plain"].endswith("credits")
