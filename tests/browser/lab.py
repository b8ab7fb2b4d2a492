"""JupyterLab and Chromium to look at notebooks with, as a person would: started once, stopped by pid.

    def test_a_button(notebook):
        opened = notebook(["import ipywidgets; ipywidgets.Button(description='Press')"])
        opened.page.get_by_role("button", name="Press").click()
        opened.shot("pressed")

`Lab` owns the server and the browser, `Notebook` is one notebook that is open in it. Whatever is waited
for is a promise of JupyterLab's own (its session, its kernel's first answer, its run-all command), never
the idle dot, which lies.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Locator, Page, expect, sync_playwright

__all__ = ["SHOTS", "Lab", "Notebook"]

PROJECT = Path(__file__).parents[2]
SHOTS = Path(__file__).parent / "shots"
CHROMIUM = Path(os.environ.get("SKYTELLS_NB_CHROMIUM", "/usr/bin/chromium"))
PATIENCE = 60.0
"""Seconds after which something that does not come is given up; generous, because machines are shared."""

_TOKEN = "lab"
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/lab")
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_SETTINGS: dict[str, dict[str, Any]] = {
    # the question about news would lie over the notebook
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # every cell in the page, also those that are scrolled away
    "notebook-extension/tracker": {"windowingMode": "none"},
}
_READY = """async () => {
    const app = window.jupyterapp; await app.restored;
    const shown = app.shell.currentWidget; await shown.context.ready; await shown.sessionContext.ready;
    await shown.sessionContext.session.kernel.info;
}"""
_EVALUATE = """async (expression) => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const asked = kernel.requestExecute({code: '', silent: true, user_expressions: {it: expression}});
    return (await asked.done).content.user_expressions.it;
}"""
_ADD_CELL = """async (code) => {
    const app = window.jupyterapp, notebook = app.shell.currentWidget.content;
    notebook.activeCellIndex = notebook.widgets.length - 1;
    await app.commands.execute('notebook:insert-cell-below');
    notebook.activeCell.model.sharedModel.setSource(code);
    await app.commands.execute('notebook:run-cell');
    return notebook.activeCell.model.sharedModel.toJSON().outputs;
}"""
_RUN_ALL = "async () => { await window.jupyterapp.commands.execute('notebook:run-all-cells') }"
_ERRORS = """() => window.jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model.toJSON())
    .filter(cell => !(cell.metadata.tags ?? []).includes('raises-exception'))
    .flatMap(cell => cell.outputs ?? []).filter(output => output.output_type === 'error')
    .map(output => `${output.ename}: ${output.evalue}`)"""
_OPEN = """async ([path, kernel]) => {
    const more = kernel ? {kernel: {id: kernel}} : {};
    await window.jupyterapp.commands.execute('docmanager:open', {path, ...more});
}"""
_CLOSE = """async ([path, emptied]) => {
    let kernel = null;
    for (const shown of [...window.jupyterapp.shell.widgets('main')]) {
        if (shown.context?.path !== path) continue;
        if (emptied) {
            const {kernel: used} = shown.sessionContext.session;
            await used.requestExecute({code: emptied, silent: true}).done;
            kernel = used.id;
        } else await shown.sessionContext.shutdown();
        shown.dispose();
    }
    return kernel;
}"""
_EMPTIED = """
import ipywidgets
ipywidgets.Widget.close_all()
get_ipython().run_line_magic("reset", "-f")
"""


class Lab:
    """A JupyterLab server over an empty folder, and one page of Chromium that shows it.

    Parameters
    ----------
    folder : Path
        An empty folder; notebooks lie in ``folder/root``.
    """

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self._home = folder / "home"
        self._log = folder / "lab.log"
        self._server: subprocess.Popen[str]
        self.address = ""
        self.page: Page
        self._count = 0
        self.spare: str | None = None
        """A kernel that a notebook has left empty, for the next one: to start one takes seconds."""
        self.complaints: list[str] = []
        """Errors of the page's own, such as a script that failed."""

    def start(self) -> Lab:
        """Start server and browser; fails with a sentence when either does not come."""
        assert CHROMIUM.exists(), (
            f"The browser tests need Chromium at {CHROMIUM}, and it is not there. Install it (on Debian: "
            "apt-get install chromium), or name another one in SKYTELLS_NB_CHROMIUM."
        )
        self._start_server()
        try:
            self._playwright = sync_playwright().start()
            self._browser = self._playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
            expect.set_options(timeout=PATIENCE * 1000)
            self.page = self._browser.new_page(
                viewport={"width": 1240, "height": 1400}, reduced_motion="reduce"
            )
            self.page.set_default_timeout(PATIENCE * 1000)
            self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
            self.page.goto(self.address, wait_until="domcontentloaded")
            self.page.wait_for_function("() => window.jupyterapp?.shell", timeout=PATIENCE * 1000)
            self.page.evaluate("async () => { await window.jupyterapp.restored }")
            self.page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
            self.page.wait_for_function("() => document.body.dataset.jpThemeName", timeout=PATIENCE * 1000)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Close the browser, then the server with its kernels."""
        if hasattr(self, "_browser"):
            self._browser.close()
        if hasattr(self, "_playwright"):
            self._playwright.stop()
        self._server.send_signal(signal.SIGTERM)
        try:
            self._server.wait(15)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._drain.join(5)
        assert self._server.stderr is not None
        self._server.stderr.close()

    def open(
        self,
        cells: Sequence[str] | dict[str, Any],
        *,
        theme: str = "light",
        trusted: bool = True,
        run: bool = True,
        fresh: bool = False,
    ) -> Notebook:
        """Open a notebook and run it, as ``Run All Cells`` does.

        Parameters
        ----------
        cells : sequence of str, or dict
            The code of each cell; or a notebook, as its file has it.
        theme : str
            ``light`` or ``dark``.
        trusted : bool
            False shows what somebody sees who was sent the notebook: it is run, saved, changed by another
            hand so that its signature no longer holds, and opened again without being run.
        run : bool
            Whether its cells are run.
        fresh : bool
            Whether its kernel must be one that has done nothing yet.
        """
        if fresh:
            self.spare = None
        self._change_theme(THEMES[theme])
        opened = self._open_file(self._write(cells if isinstance(cells, dict) else _notebook(cells)))
        if run:
            opened.run_all()
        if trusted:
            return opened
        self.page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.context.save() }")
        saved = json.loads(opened.path.read_text("utf-8"))
        opened.close()
        for cell in saved["cells"]:
            cell["metadata"] = {"came": "from elsewhere"}
        return self._open_file(self._write(saved))

    def _change_theme(self, theme: str) -> None:
        """Change the theme where it is another one, and wait until its style sheet is there."""
        if self.page.evaluate("() => document.body.dataset.jpThemeName") == theme:
            return
        self.page.evaluate(
            "async (theme) => { await window.jupyterapp.commands.execute('apputils:change-theme', {theme}) }",
            theme,
        )
        self.page.wait_for_function(
            "(theme) => document.body.dataset.jpThemeName === theme", arg=theme, timeout=PATIENCE * 1000
        )

    def _write(self, document: dict[str, Any]) -> Path:
        self._count += 1
        path = self.root / f"n{self._count}.ipynb"
        path.write_text(json.dumps(document), "utf-8")
        return path

    def _open_file(self, path: Path) -> Notebook:
        self.page.evaluate(_OPEN, [path.name, self.spare])
        self.spare = None
        self.page.evaluate(_READY)
        return Notebook(self, path)

    def _start_server(self) -> None:
        for folder in (self.root, self._home):
            folder.mkdir(parents=True)
        SHOTS.mkdir(exist_ok=True)
        settings = self._home / ".jupyter/lab/user-settings/@jupyterlab"
        for name, chosen in _SETTINGS.items():
            file = settings / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(chosen), "utf-8")
        bin = Path(sys.executable).parent
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SKYTELLS_")},
            "HOME": str(self._home),
            "IPYTHONDIR": str(self._home / ".ipython"),
            "JUPYTER_CONFIG_DIR": str(self._home / ".jupyter"),
            "JUPYTER_DATA_DIR": str(self._home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self._home / "runtime"),
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            "PYTHONPATH": str(PROJECT),
            "PATH": f"{bin}{os.pathsep}{os.environ['PATH']}",
        }
        self._server = subprocess.Popen(
            [
                str(bin / "jupyter"),
                "lab",
                "--no-browser",
                "--allow-root",
                "--ServerApp.ip=127.0.0.1",
                "--ServerApp.port=0",
                f"--IdentityProvider.token={_TOKEN}",
                f"--ServerApp.root_dir={self.root}",
                "--LabApp.expose_app_in_browser=True",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=env,
            cwd=self.root,
        )
        answers = threading.Event()
        self._drain = threading.Thread(target=self._listen, args=(answers,), daemon=True)
        self._drain.start()
        if not answers.wait(PATIENCE) or not self.address:
            self._server.kill()
            raise AssertionError(f"JupyterLab did not start:\n{self._log.read_text('utf-8')}")

    def _listen(self, answers: threading.Event) -> None:
        assert self._server.stderr is not None
        with self._log.open("w", encoding="utf-8") as log:
            for line in self._server.stderr:
                log.write(line)
                log.flush()
                if not self.address and (found := _ADDRESS.search(line)):
                    self.address = f"{found[0]}?token={_TOKEN}&reset"
                    answers.set()
        answers.set()


class Notebook:
    """One notebook that is open in the lab.

    Attributes
    ----------
    page : Page
        Playwright's page; everything else can be done with it.
    path : Path
        The notebook's file.
    """

    def __init__(self, lab: Lab, path: Path) -> None:
        self._lab = lab
        self.page = lab.page
        self.path = path

    @property
    def here(self) -> Locator:
        """What is inside this notebook, apart from others that are open behind it."""
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")

    @property
    def outputs(self) -> Locator:
        """The output area of every cell that has one."""
        return self.here.locator(".jp-Cell-outputArea")

    def evaluate(self, expression: str) -> str:
        """Evaluate an expression in the kernel, as text; works while widgets live."""
        found = self.page.evaluate(_EVALUATE, expression)
        assert found["status"] == "ok", f"{expression} raised {found['ename']}: {found['evalue']}"
        return str(found["data"]["text/plain"])

    def run_all(self) -> None:
        """Choose *Run All Cells*, and wait for their end."""
        self.page.evaluate(_RUN_ALL)

    def errors(self) -> list[str]:
        """Give what its cells ended in that were not to fail."""
        found: list[str] = self.page.evaluate(_ERRORS)
        return found

    def run(self, code: str) -> list[dict[str, Any]]:
        """Add a cell below the others and run it; gives its outputs as nbformat has them."""
        outputs: list[dict[str, Any]] = self.page.evaluate(_ADD_CELL, code)
        return outputs

    def shot(self, name: str, target: Locator | None = None) -> None:
        """Keep a picture of the page, or of one element of it, where pictures are wanted."""
        if os.environ.get("SKYTELLS_NB_SHOTS"):
            (target or self.page).screenshot(path=SHOTS / f"{quote(name, safe=' ')}.png")

    def close(self) -> None:
        """Close it, without asking whether to save; its kernel is emptied for the next one, or ended."""
        kept = self.page.evaluate(_CLOSE, [self.path.name, None if self._lab.spare else _EMPTIED])
        self._lab.spare = self._lab.spare or kept


def _notebook(cells: Sequence[str]) -> dict[str, Any]:
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{at}",
                "source": code,
                "metadata": {},
                "outputs": [],
                "execution_count": None,
            }
            for at, code in enumerate(cells)
        ],
    }
