"""The command line: ``skytells-nb demo | lab | models | predictions | spend | sandbox | faults``."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

from .. import __version__
from ..checks import did_you_mean
from ..exceptions import SkytellsError
from ..models import STATUSES

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, the words of the command line unless given, and return the exit code."""
    parser = _parser()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words == ["predictions"] or (
        words[:1] == ["predictions"] and words[1].startswith("--") and words[1] != "--help"
    ):
        words.insert(1, "list")  # which is what it is without an action
    parsed, rest = parser.parse_known_args(words)
    if parsed.command is None:
        parser.print_help()
        return 0
    if rest and parsed.command not in ("lab", "sandbox"):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        return _run(parsed, rest)
    except SkytellsError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read the lines, such as head, has seen enough. Python writes what is left when it ends,
        # which must not fail again (docs.python.org, library/signal: note on SIGPIPE).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130


def _run(parsed: argparse.Namespace, rest: list[str]) -> int:
    """Run a command; each imports what it needs."""
    match parsed.command:
        case "lab":
            from ._lab import lab

            return lab(parsed.folder, real=parsed.real, jupyter_arguments=rest)
        case "faults":
            from ._faults import faults

            return faults(parsed)
        case "sandbox":
            from ..sandbox.__main__ import main as serve

            return serve(rest)
    from ._commands import demo, models, predictions, spend

    if parsed.command == "demo":
        return demo(parsed.prompt, model=parsed.model, size=parsed.size, folder=parsed.folder)
    return {"models": models, "predictions": predictions, "spend": spend}[parsed.command](parsed)


class _Parser(argparse.ArgumentParser):
    """Says which word was meant in place of a misspelt one; Python itself does from 3.14 on."""

    def error(self, message: str) -> NoReturn:
        if found := re.search(r"invalid choice: '(.*)' \(choose from (.*)\)$", message):
            message += "." + did_you_mean(found[1], re.findall(r"[\w-]+", found[2]))
        super().error(message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="skytells-nb",
        description="A Jupyter toolkit for the Skytells generative-AI API. Without a key everything runs on "
        "an embedded sandbox, and costs nothing.",
        epilog="skytells-nb COMMAND --help says more of each.",
    )
    parser.add_argument("--version", action="version", version=f"skytells-nb {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command")

    demo = commands.add_parser("demo", help="make four variations of a picture in parallel, and keep them")
    demo.add_argument("prompt", nargs="?", default="A red fox in snow", help="what to picture")
    demo.add_argument("--model", default="truefusion-pro", help="the model's slug (default: %(default)s)")
    demo.add_argument("--size", type=int, default=512, help="width and height in pixels (default: 512)")
    demo.add_argument("--folder", default="skytells_outputs", help="where pictures go (default: %(default)s)")

    lab = commands.add_parser(
        "lab",
        help="open the lessons in JupyterLab, on the sandbox",
        usage="skytells-nb lab [-h] [--folder FOLDER] [--real] [JupyterLab's options …]",
        epilog="All other options go on to JupyterLab, such as --no-browser or --port 9999. "
        "JupyterLab is stopped with Ctrl+C, then y.",
    )
    lab.add_argument("--folder", default="notebooks", help="where they are put (default: ./notebooks)")
    lab.add_argument("--real", action="store_true", help="keep SKYTELLS_API_KEY: predictions are billed")

    models = commands.add_parser("models", help="print the live price list, or one model with its inputs")
    models.add_argument("name", nargs="?", metavar="NAME", help="its inputs, prices, and a call that runs")
    models.add_argument("--criteria", action="store_true", help="a line for every rule of a price")

    one_of = commands.add_parser("predictions", help="list predictions; get, wait for, cancel or save one")
    actions = one_of.add_subparsers(dest="action", metavar="action", required=True)
    listing = actions.add_parser("list", help="the newest first")
    listing.add_argument("--model", metavar="NAME", help="only of this model")
    listing.add_argument("--status", choices=STATUSES, help="only with this status")
    listing.add_argument("--since", metavar="WHEN", help="a day or time, or 90m, 24h, 7d ago")
    listing.add_argument("--until", metavar="WHEN", help="a day or time")
    listing.add_argument(
        "--limit", type=int, default=20, metavar="N", help="at most (default: 20); 0 for all"
    )
    one = {
        "get": "look at one",
        "wait": "wait until one has ended",
        "cancel": "stop one",
        "save": "copy what one made to a file or folder",
    }
    for name, text in one.items():
        action = actions.add_parser(name, help=text)
        action.add_argument("id", metavar="ID", help="the prediction's id")
        if name == "save":
            action.add_argument("path", nargs="?", default=".", metavar="PATH", help="where (default: here)")
        if name == "wait":
            action.add_argument("--timeout", type=float, metavar="SECONDS", help="at most (default: 1800)")
    for name, action in actions.choices.items():
        if name != "save":
            action.add_argument("--json", action="store_true", help="as JSON, as the API gave it")

    spend = commands.add_parser("spend", help="print what was spent, on what")
    spend.add_argument("--by", action="append", default=[], metavar="COLUMN", help="model, status, input.…")
    spend.add_argument("--freq", metavar="F", help="a pandas frequency, such as D for days")
    spend.add_argument("--tz", metavar="ZONE", help="whose midnight parts the days (default: this machine's)")
    spend.add_argument("--folder", default="skytells_outputs", help="the archive (default: %(default)s)")
    spend.add_argument("--api", action="store_true", help="read the API's own listing instead")

    # Nothing begins an option here, not even --help: all that follows is for the sandbox's own parser.
    commands.add_parser(
        "sandbox", help="serve the sandbox API until interrupted", add_help=False, prefix_chars="\0"
    )

    faults = commands.add_parser(
        "faults", help="make something go wrong in a running sandbox, for a minute or until it is cleared"
    )
    faults.add_argument("name", nargs="?", metavar="fault", help="what goes wrong, such as rate_limit")
    faults.add_argument(
        "--for", dest="lasting", type=float, metavar="SECONDS", help="end by itself after so many seconds"
    )
    faults.add_argument("--times", type=int, metavar="N", help="strike so many requests, then end")
    faults.add_argument("--on", action="append", metavar="ROUTE", help="create, read, list, asset, … or any")
    faults.add_argument("--learner", metavar="NAME", help="strike one learner of a class only")
    faults.add_argument(
        "--set",
        dest="details",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a detail of the fault, such as retry_after=5",
    )
    faults.add_argument("--clear", action="store_true", help="switch this fault off, or all of them")
    faults.add_argument("--url", help="the sandbox's base URL (default: that of the last one started here)")
    faults.add_argument("--key", help="its own key; in a class, the teacher's")
    return parser
