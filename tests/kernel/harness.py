"""A real kernel to test against, driven as a front end drives one.

*Run All* sends every cell before the first has ended, and that is where nested event loops lose
cells, so `Kernel.run_all` does the same. Everything a kernel publishes is kept with the cell it
belongs to: by its parent message, not by when it came. Nothing here sleeps; whatever is waited for
is a message, with a deadline. Front end and kernel meet at files of their own rather than at TCP ports, which
are free when they are chosen and may be taken by another test when the kernel opens them.

    with Kernel(tmp_path) as kernel:
        first, second = kernel.run_all("await sky.gather(...)", "print('second')")
        kernel.finish(first, second)
        assert second.stdout == "second\\n"
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zmq
from jupyter_client import BlockingKernelClient, KernelManager
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

__all__ = ["Cell", "Kernel", "Message"]

Message = dict[str, Any]

PROJECT = Path(__file__).parents[2]
PATIENCE = 180.0
"""Seconds after which a test gives up; generous, because machines are shared."""


@dataclass(eq=False)
class Cell:
    """One execution request and everything that was published for it.

    ``began`` and ``ended`` are the kernel's own words: it was busy with the cell, and idle again.
    """

    code: str
    msg_id: str
    stdout: str = ""
    stderr: str = ""
    outputs: list[Message] = field(default_factory=list)
    error: Message | None = None
    reply: Message | None = None
    began: bool = False
    idle: bool = False

    @property
    def ended(self) -> bool:
        """Whether the kernel has answered it, and published all that belongs to it."""
        return self.idle and self.reply is not None

    @property
    def ok(self) -> bool:
        """Whether it ended well."""
        return self.reply is not None and self.reply["status"] == "ok"

    @property
    def result(self) -> Any:
        """The text of its last line's value, or None."""
        texts = [out["data"].get("text/plain") for out in self.outputs if "execution_count" in out]
        return texts[-1] if texts else None

    @property
    def displayed(self) -> list[dict[str, Any]]:
        """The MIME bundles of what it displayed, in order."""
        return [out["data"] for out in self.outputs]


class _OneKernelSpec(KernelSpecManager):  # type: ignore[misc]
    """Knows one kernel: ipykernel under a given Python, whatever this machine has installed."""

    python = sys.executable

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        argv = [self.python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="test", language="python")


class Kernel:
    """A running kernel with a home, a configuration and a working folder of its own.

    Parameters
    ----------
    folder : Path
        An empty folder; the kernel works in ``folder/work``.
    python : str
        The interpreter to run it with, which needs ipykernel.
    env : dict, optional
        Environment variables to add.
    """

    def __init__(
        self, folder: Path, *, python: str = sys.executable, env: dict[str, str] | None = None
    ) -> None:
        self.work = folder / "work"
        self._home = folder / "home"
        self._env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SKYTELLS_")},
            "HOME": str(self._home),
            "IPYTHONDIR": str(self._home / ".ipython"),
            "JUPYTER_CONFIG_DIR": str(self._home / ".jupyter"),
            "JUPYTER_DATA_DIR": str(self._home / ".local/share/jupyter"),
            "JUPYTER_RUNTIME_DIR": str(self._home / "runtime"),
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            "PYTHONPATH": os.pathsep.join(
                part for part in (str(PROJECT), os.environ.get("PYTHONPATH")) if part
            ),
            **(env or {}),
        }
        self._env.pop("PYTEST_CURRENT_TEST", None)
        specs = _OneKernelSpec()
        specs.python = python
        self._manager = KernelManager(
            kernel_spec_manager=specs, connection_file=str(folder / "kernel.json"), shutdown_wait_time=5
        )
        self._meeting_place: tempfile.TemporaryDirectory[str] | None = None
        if os.name != "nt":  # in a folder with a short name, because a socket's may have 100 characters
            self._meeting_place = tempfile.TemporaryDirectory(prefix="kernel-")
            self._manager.transport = "ipc"
            self._manager.ip = os.path.join(self._meeting_place.name, "at")
        self._client: BlockingKernelClient
        self._cells: dict[str, Cell] = {}
        self.events: list[tuple[str, Cell | None, Message]] = []
        """Everything published, in the order it came: message type, cell, content."""
        self.widgets: dict[str, dict[str, Any]] = {}
        """The state of every comm, by its id, as last sent."""

    def __enter__(self) -> Kernel:
        for folder in (self.work, self._home / "runtime"):
            folder.mkdir(parents=True)
        try:
            with warnings.catch_warnings():  # of the front end's own making, before it speaks to the kernel
                warnings.simplefilter("ignore")
                self._manager.start_kernel(env=self._env, cwd=str(self.work))
                self._client = self._manager.client()
                self._client.start_channels()
                self._client.wait_for_ready(timeout=PATIENCE)
        except BaseException:
            self._shut_down()
            raise
        return self

    def __exit__(self, *problem: object) -> None:
        self._shut_down()

    def _shut_down(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if hasattr(self, "_client"):
                self._client.stop_channels()
            if self._manager.has_kernel:
                self._manager.shutdown_kernel(now=True)
            self._manager.cleanup_resources()
            if hasattr(self, "_client"):
                self._client.context.destroy(linger=0)
            self._manager.context.destroy(linger=0)
            if self._meeting_place is not None:
                self._meeting_place.cleanup()

    def send(self, code: str) -> Cell:
        """Send one cell, and go on at once."""
        cell = Cell(code, self._client.execute(code, allow_stdin=False, stop_on_error=False))
        self._cells[cell.msg_id] = cell
        return cell

    def run_all(self, *cells: str) -> list[Cell]:
        """Send several cells at once, the later ones while the first still runs."""
        return [self.send(code) for code in cells]

    def run(self, code: str) -> Cell:
        """Send one cell and wait for its end."""
        cell = self.send(code)
        self.finish(cell)
        return cell

    def finish(self, *cells: Cell) -> None:
        """Wait until all these cells have ended; fails with what came so far when one does not."""
        self.until(lambda: all(cell.ended for cell in cells), "the cells have ended")

    def until(
        self, condition: Callable[[], bool], what: str = "the condition holds", patience: float = PATIENCE
    ) -> None:
        """Read messages until a condition holds."""
        deadline = time.monotonic() + patience
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0 or not self._manager.is_alive():
                state = "\n".join(f"  {cell}" for cell in self._cells.values())
                lost = "the kernel died" if left > 0 else f"{patience:g} s passed"
                raise AssertionError(f"{lost} before {what}:\n{state}")
            self._read(min(left, 1.0))

    def interrupt(self) -> None:
        """Press the stop button."""
        self._manager.interrupt_kernel()

    def empty(self) -> None:
        """Forget names, widgets and everything published, as a new kernel would have none."""
        cell = self.run("import ipywidgets\nipywidgets.Widget.close_all()\n%reset -f")
        assert cell.ok, cell.error
        self._cells.clear()
        self.events.clear()
        self.widgets.clear()

    def kill(self) -> None:
        """Kill the kernel's process, as a power cut would."""
        self._manager.shutdown_kernel(now=True)

    def send_to_widget(self, comm_id: str, data: Message, *, subshell_id: str | None = None) -> str:
        """Send a message to a widget, as its view in a front end does; gives the message's id."""
        message = self._client.session.msg("comm_msg", {"comm_id": comm_id, "data": data})
        if subshell_id is not None:
            message["header"]["subshell_id"] = subshell_id
        self._client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def click(self, comm_id: str) -> str:
        """Press a widget's button."""
        return self.send_to_widget(comm_id, {"method": "custom", "content": {"event": "click"}})

    def widgets_named(self, model: str) -> list[str]:
        """Ids of the widgets of one kind, such as ``IntProgressModel``, oldest first."""
        return [comm for comm, state in self.widgets.items() if state.get("_model_name") == model]

    def _read(self, patience: float) -> None:
        poller = zmq.Poller()
        channels = (self._client.shell_channel, self._client.iopub_channel)
        for channel in channels:
            poller.register(channel.socket, zmq.POLLIN)
        ready = dict(poller.poll(patience * 1000))
        for channel in channels:
            if channel.socket in ready:
                self._keep(channel.get_msg(timeout=patience))

    def _keep(self, message: Message) -> None:
        kind, content = message["header"]["msg_type"], message["content"]
        cell = self._cells.get(message.get("parent_header", {}).get("msg_id", ""))
        self.events.append((kind, cell, content))
        if kind in ("comm_open", "comm_msg"):
            self.widgets.setdefault(content["comm_id"], {}).update(content["data"].get("state", {}))
        if cell is None:
            return
        if kind == "stream":
            setattr(cell, content["name"], getattr(cell, content["name"]) + content["text"])
        elif kind in ("display_data", "execute_result"):
            cell.outputs.append(content)
        elif kind == "update_display_data":
            for output in cell.outputs:
                if output.get("transient") == content["transient"]:
                    output["data"] = content["data"]
        elif kind == "error":
            cell.error = content
        elif kind == "execute_reply":
            cell.reply = content
        elif kind == "status":
            cell.began = cell.began or content["execution_state"] == "busy"
            cell.idle = content["execution_state"] == "idle"
