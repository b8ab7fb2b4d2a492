"""Every line of the Skytells Python course runs, with nothing changed but the import.

As a script, in a loop that runs already, and in a real kernel. What has to differ on a machine without
the real API is listed in `AT_HOME` and `PRESUPPOSED`, and is nothing else.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from kernel.harness import Kernel

import skytells_nb as sky

PAGE = (Path(__file__).parent / "course.md").read_text(encoding="utf-8")
PROJECT = Path(__file__).parents[2]
SNIPPETS = dict(re.findall(r"^## (.+?)\n\n```python\n(.+?)\n```$", PAGE, re.M | re.S))

THE_CHANGE = {
    "import skytells\n": "import skytells_nb as skytells\n",
    "from skytells.exceptions import": "from skytells_nb.exceptions import",
}
"""What the course's reader changes."""

AT_HOME = {
    '"https://api.skytells.ai/v1"': 'os.environ["SKYTELLS_BASE_URL"]',
    '"https://yourapp.com/api/webhooks/skytells"': 'os.environ["YOUR_APP"]',
    '"pred_abc123"': "pred_abc123",
}
"""What no machine of ours has: the real API, the reader's web server, a prediction of that name."""

EVERYWHERE = "import asyncio, os, time\nimport skytells_nb as skytells\nclient = skytells.Client()\n"
PRESUPPOSED = {
    "Manual polling": 'pred_abc123 = client.predictions.create("truefusion-edge", {"prompt": "a fox"}).id\n',
    "Managing predictions": (
        'pred_abc123 = client.predictions.create("truefusion-video-pro", {"prompt": "x"}, wait=False).id\n'
    ),
}
"""What a snippet takes from those before it, and from the page's reader."""

CALLED = {
    "Error handling": 'print(safe_generate("A red fox in snow"))\n',
    "Production pattern: retry with backoff": 'print(generate_with_retry("A red fox in snow"))\n',
}
"""Calls of what a snippet only defines."""


def at_home(title: str) -> str:
    code = SNIPPETS[title] + "\n"
    for old, new in {**THE_CHANGE, **AT_HOME}.items():
        code = code.replace(old, new)
    return EVERYWHERE + PRESUPPOSED.get(title, "") + code + CALLED.get(title, "")


class YourApp(BaseHTTPRequestHandler):
    """The reader's web server: takes webhooks."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.told.append(json.loads(body))  # type: ignore[attr-defined]
        self.server.news.set()  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def your_app() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), YourApp) as server:
        server.daemon_threads = True
        server.told, server.news = [], threading.Event()  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[sky.Sandbox]:
    """Fast, but a video takes long enough to be canceled."""
    with sky.Sandbox(speed=20) as running:
        yield running


@pytest.fixture
def environment(sandbox: sky.Sandbox, your_app: ThreadingHTTPServer) -> dict[str, str]:
    return {
        "SKYTELLS_API_KEY": sandbox.api_key,
        "SKYTELLS_BASE_URL": sandbox.url,
        "YOUR_APP": f"http://127.0.0.1:{your_app.server_port}/api/webhooks/skytells",
    }


EXPECTED: dict[str, str] = {
    "Your first prediction": r"succeeded\n\['http://.*\.png'\]\n",
    "Client configuration": r"",
    "As a context manager": r"http://\S+\.png\n",
    "Wait for completion": r"",
    "Non-blocking": r"Job queued: sandbox-\w+\n",
    "Manual polling": r"\[succeeded\] sandbox-\w+\nOutput: http://\S+\.png\n",
    "Async: run predictions in parallel": r"(http://\S+\.png\n){4}",
    "Error handling": r"http://\S+\.png\n",
    "Webhooks with the SDK": r"Queued: sandbox-\w+\n",
    "Managing predictions": r"(sandbox-\w+  \w+ {2,} model=\S+  cost=\$(\d\S*|N/A)\n)+",
    "Models API": r"Model +Type +\$/prediction\n-{50}\n(\S+ +\w+ +\$(\d+\.\d{4}|NaN)\n){14,}"
    r"\ntruefusion-pro: .+\nCost: \$0\.\d+/prediction\n",
    "Production pattern: retry with backoff": r"http://\S+\.png\n",
}


def test_the_page_is_here_whole() -> None:
    assert list(SNIPPETS) == list(EXPECTED)
    assert PAGE.count("```python") == len(SNIPPETS)
    changed = "".join(SNIPPETS.values())
    for old in (*THE_CHANGE, *AT_HOME):
        assert old in changed, f"{old} is no longer on the page"


def test_every_snippet_runs_as_a_script(environment: dict[str, str], tmp_path: Path) -> None:
    script = tmp_path / "course.py"
    parts = [f'print("## {title}")\n{at_home(title)}client.close()\n' for title in SNIPPETS]
    script.write_text("\n".join(parts), encoding="utf-8")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SKYTELLS_")}
    done = subprocess.run(
        [sys.executable, "-W", "error", script],
        env={**inherited, "PYTHONPATH": str(PROJECT), "PYTHONUTF8": "1", **environment},
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    printed = re.split(r"^## (.+)\n", done.stdout, flags=re.M)[1:]
    for title, said in zip(printed[::2], printed[1::2], strict=True):
        assert re.fullmatch(EXPECTED[title], said), (title, said)
    assert printed[::2] == list(SNIPPETS)


@pytest.mark.parametrize("title", SNIPPETS)
def test_a_snippet_runs_where_a_loop_runs_already(
    title: str,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As a cell does, with ``await`` for ``asyncio.run``."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    code = compile(
        at_home(title).replace("asyncio.run(", "await ("),
        title,
        "exec",
        flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
    )
    names: dict[str, Any] = {"__name__": "__main__"}

    async def cell() -> None:
        outcome = eval(code, names)
        if inspect.isawaitable(outcome):
            await outcome

    asyncio.run(cell())
    names["client"].close()
    assert re.fullmatch(EXPECTED[title], capsys.readouterr().out)


def test_every_snippet_runs_in_a_kernel_with_all_cells_queued(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """Not even ``asyncio.run`` is changed, after one line that allows it."""
    with Kernel(tmp_path, env=environment) as kernel:
        cells = [at_home(title) for title in SNIPPETS]
        nested, *ran, last = kernel.run_all(
            "import skytells_nb; skytells_nb.enable_nested_asyncio()", *cells, "1 + 1"
        )
        kernel.finish(nested, *ran, last)
    assert nested.ok
    for title, cell in zip(SNIPPETS, ran, strict=True):
        assert cell.ok, (title, cell.error)
        assert cell.stderr == "", title
        assert re.fullmatch(EXPECTED[title], cell.stdout), (title, cell.stdout)
    assert last.result == "2"


def as_it_stands(title: str) -> str:
    """Return a snippet without a changed word, but for what no machine of ours has."""
    code = SNIPPETS[title] + "\n"
    for old, new in AT_HOME.items():
        code = code.replace(old, new)
    begin = EVERYWHERE.replace("import skytells_nb as skytells", "import skytells")
    return begin + PRESUPPOSED.get(title, "") + code + CALLED.get(title, "")


def test_the_page_runs_as_it_stands_after_one_line(environment: dict[str, str], tmp_path: Path) -> None:
    with Kernel(tmp_path, env=environment) as kernel:
        cells = [as_it_stands(title) for title in SNIPPETS]
        one, *ran = kernel.run_all("import skytells_nb; skytells_nb.enable_course_imports()", *cells)
        kernel.finish(one, *ran)
    assert one.ok
    for title, cell in zip(SNIPPETS, ran, strict=True):
        assert cell.ok, (title, cell.error)
        assert re.fullmatch(EXPECTED[title], cell.stdout), (title, cell.stdout)


def test_where_another_skytells_is_imported_already_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "skytells.py").write_text("", encoding="utf-8")
    script = "import skytells, skytells_nb\nskytells_nb.enable_course_imports()\n"
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Another skytells is imported already" in run.stderr.splitlines()[-1]


def test_the_webhook_of_the_course_arrives(your_app: ThreadingHTTPServer, sandbox: sky.Sandbox) -> None:
    """Registered by the snippets that ran before; registered again here, to stand alone as well."""
    with sandbox.client() as client:
        made = client.predictions.create(
            "truefusion-edge",
            {"prompt": "a fox"},
            webhook=f"http://127.0.0.1:{your_app.server_port}/api/webhooks/skytells",
            webhook_events_filter=["completed"],
            wait=False,
        )
    told: list[dict[str, Any]] = your_app.told  # type: ignore[attr-defined]
    news: threading.Event = your_app.news  # type: ignore[attr-defined]
    while not any(each["id"] == made.id for each in told):
        news.clear()
        assert any(each["id"] == made.id for each in told) or news.wait(30)
    assert {each["status"] for each in told} == {"succeeded"}


def names_of(title: str) -> dict[str, Any]:
    """What a snippet defines, without calling it."""
    names: dict[str, Any] = {"__name__": "__main__"}
    called = CALLED.get(title, "")
    exec(at_home(title).removesuffix(called), names)
    return names


@pytest.mark.parametrize(
    ("order", "said", "outcome"),
    [
        (lambda sb: sb.faults.next("unauthorized", on="create"), "❌ Invalid API key", None),
        (
            lambda sb: sb.faults.next("rate_limit", on="create", retry_after=130),
            "⏳ Rate limited — retry after 130.0s",
            "http",
        ),
        (lambda sb: sb.faults.next("failed"), "❌ Prediction failed: ", None),
        (lambda sb: sb.faults.next("no_credit"), "❌ Unexpected SDK error: ", Exception),
    ],
)
def test_the_error_handling_of_the_course_catches_each_error_by_its_name(
    sandbox: sky.Sandbox,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    order: Callable[[sky.Sandbox], None],
    said: str,
    outcome: Any,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    names = names_of("Error handling")
    slept: list[float] = []
    monkeypatch.setattr(names["time"], "sleep", slept.append)
    order(sandbox)
    if outcome is Exception:
        with pytest.raises(sky.exceptions.InsufficientCreditsError):
            names["safe_generate"]("a fox")
    else:
        made = names["safe_generate"]("a fox")
        assert made is outcome or made.startswith(outcome)
    assert said in capsys.readouterr().out
    if "Rate limited" in said:
        assert 131 in slept
    names["client"].close()


def test_bad_input_is_told_in_the_server_s_words(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    names = names_of("Error handling")
    assert names["safe_generate"](5) is None
    assert "❌ Bad input: " in capsys.readouterr().out
    names["client"].close()


def test_the_retry_of_the_course_outlasts_limits_and_failures(
    sandbox: sky.Sandbox,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    names = names_of("Production pattern: retry with backoff")
    monkeypatch.setattr(names["time"], "sleep", lambda seconds: None)
    sandbox.faults.next("rate_limit", on="create", retry_after=500)
    sandbox.faults.next("failed", after=1)
    assert names["generate_with_retry"]("a fox").startswith("http")
    assert "Rate limited on attempt 1" in capsys.readouterr().out
    sandbox.faults.next("rate_limit", on="create", retry_after=500, times=3)
    with pytest.raises(RuntimeError, match="Failed after 3 attempts"):
        names["generate_with_retry"]("a fox")
    names["client"].close()
