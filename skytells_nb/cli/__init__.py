"""The command line: ``skytells-nb demo | lab | models | spend | sandbox | faults``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from .. import __version__
from ..exceptions import SkytellsError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``skytells-nb``; those of the command line when None.

    Examples
    --------
    >>> from skytells_nb.cli import main
    >>> main(["--version"])
    Traceback (most recent call last):
    ...
    SystemExit: 0
    """
    parsed, rest = _parser().parse_known_args(arguments)
    if rest and parsed.command not in ("lab", "sandbox"):
        _parser().error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        return int(parsed.run(parsed, rest))
    except SkytellsError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever read the lines, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="skytells-nb",
        description="A Jupyter toolkit for the Skytells generative-AI API. Without a key everything runs on "
        "an embedded sandbox, and costs nothing.",
    )
    parser.add_argument("--version", action="version", version=f"skytells-nb {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)

    demo = commands.add_parser("demo", help="make four variations of a picture in parallel, and keep them")
    demo.add_argument("prompt", nargs="?", default="A red fox in snow", help="what to picture")
    demo.add_argument("--model", default="truefusion-pro", help="the model's slug (default: %(default)s)")
    demo.add_argument("--size", type=int, default=512, help="width and height in pixels (default: 512)")
    demo.add_argument("--folder", default="skytells_outputs", help="where pictures go (default: %(default)s)")
    demo.set_defaults(run=_demo)

    lab = commands.add_parser("lab", help="open the notebooks in JupyterLab, on the sandbox")
    lab.add_argument("--folder", default="notebooks", help="where they are put (default: ./notebooks)")
    lab.add_argument("--real", action="store_true", help="keep SKYTELLS_API_KEY: predictions are billed")
    lab.set_defaults(run=_lab)

    models = commands.add_parser("models", help="print the live price list")
    models.add_argument("--criteria", action="store_true", help="a line for every rule of a price")
    models.set_defaults(run=_models)

    spend = commands.add_parser("spend", help="print what was spent, on what")
    spend.add_argument("--by", action="append", default=[], metavar="COLUMN", help="model, status, input.…")
    spend.add_argument("--freq", metavar="F", help="a pandas frequency, such as D for days")
    spend.add_argument("--folder", default="skytells_outputs", help="the archive (default: %(default)s)")
    spend.add_argument("--api", action="store_true", help="read the API's own listing instead")
    spend.set_defaults(run=_spend)

    sandbox = commands.add_parser(
        "sandbox", help="serve the sandbox API until interrupted", add_help=False, prefix_chars="\0"
    )
    sandbox.set_defaults(run=_sandbox)

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
    faults.set_defaults(run=_faults)
    return parser


def _demo(parsed: argparse.Namespace, _: list[str]) -> int:
    from .demo import demo

    return demo(parsed.prompt, model=parsed.model, size=parsed.size, folder=parsed.folder)


def _lab(parsed: argparse.Namespace, rest: list[str]) -> int:
    from .lab import lab

    return lab(parsed.folder, real=parsed.real, jupyter_arguments=rest)


def _models(parsed: argparse.Namespace, _: list[str]) -> int:
    from .tables import models

    return models(criteria=parsed.criteria)


def _spend(parsed: argparse.Namespace, _: list[str]) -> int:
    from .tables import spend

    return spend(by=parsed.by, freq=parsed.freq, folder=parsed.folder, api=parsed.api)


def _sandbox(_: argparse.Namespace, rest: list[str]) -> int:
    from ..sandbox.__main__ import main as serve

    return serve(rest)


def _faults(parsed: argparse.Namespace, _: list[str]) -> int:
    from .faults import faults

    return faults(parsed)
