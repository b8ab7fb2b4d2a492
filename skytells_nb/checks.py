"""Checks of arguments, each with the same sentence: what was wanted, what was given, what was meant perhaps.

A check returns the value as the type that was wanted, or raises `InvalidInputError`. Nothing has happened yet
when it does, so ``charged`` is False. A caller that promises another type of error passes ``error=``.
"""

from __future__ import annotations

import inspect
import math
import operator
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar, cast

from .exceptions import InvalidInputError, SkytellsError
from .plaintext import clip, hide_keys

C = TypeVar("C", bound=Callable[..., Any])
P = ParamSpec("P")
R = TypeVar("R")


class UnknownNameError(InvalidInputError, AttributeError):
    """There is nothing of that name."""


def require_package(module: str, what: str, *, extra: str = "analysis", otherwise: str = "") -> Any:
    """Import a module of a package that not every installation has; where it is missing, say what needs it.

    ``extra`` is what brings it with this package, ``otherwise`` what could be done without it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise SkytellsError(
            f"{what} needs {module.partition('.')[0]}, which is not installed. Run pip install "
            f'"skytells-nb[{extra}]"{otherwise}.',
            detail=str(error),
            charged=False,
        ) from None


def expected(
    name: str, wanted: str, value: object, *, error: type[InvalidInputError] = InvalidInputError
) -> InvalidInputError:
    """Return the error for an argument that is not what was wanted."""
    return error(f"{name} must be {wanted}, not {clip(hide_keys(repr(value), least=12), 80)}.")


def closest(word: str, choices: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the choice that a misspelt word most likely means, or None where none is that near.

    Upper and lower case, spaces, hyphens and underscores make no difference.
    """
    known = {_folded(choice): choice for choice in reversed(list(choices))}
    found = get_close_matches(_folded(word), known, n=1, cutoff=cutoff)
    return known[found[0]] if found else None


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return the sentence ``" Did you mean 'x'?"``, or nothing where nothing is like it."""
    near = closest(word, choices)
    return "" if near is None else f" Did you mean {near!r}?"


def check_whole(
    name: str,
    value: object,
    low: int | None = None,
    high: int | None = None,
    *,
    none: str = "",
    error: type[InvalidInputError] = InvalidInputError,
) -> int:
    """Check a whole number; numpy's count as one, booleans do not.

    ``low`` and ``high`` are allowed; ``none`` says what None would mean, such as ``all``, where the caller
    takes it: it is only for the sentence.
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(cast("Any", value))
        if (low is None or low <= number) and (high is None or number <= high):
            return number
    except TypeError:
        pass
    bounds = ""
    if low is not None:
        bounds = f" of {low:,} or more" if high is None else f" from {low:,} to {high:,}"
    wanted = f"a whole number{bounds}" + (f", or None for {none}" if none else "")
    raise expected(name, wanted, value, error=error)


def check_flag(name: str, value: object) -> bool:
    """Check True or False; numpy's, 1, 0 and None count as them, and no text: "False" would be true."""
    try:
        if value in (None, False, True):
            return bool(value)
    except (TypeError, ValueError):  # an array, or pandas' NA
        pass
    raise expected(name, "True or False", value)


def check_seconds(name: str, value: object, *, zero: bool = False, none: str = "") -> float:
    """Check a time in seconds: a finite number above zero, or zero too."""
    try:
        if isinstance(value, bool | str | bytes):
            raise TypeError
        seconds = float(cast("Any", value))
        if math.isfinite(seconds) and (seconds > 0 or (zero and seconds == 0)):
            return seconds
    except (TypeError, ValueError, OverflowError):
        pass
    wanted = f"seconds, {'0 or more' if zero else 'more than 0'}" + (f", or None for {none}" if none else "")
    raise expected(name, wanted, value)


def check_texts(name: str, values: object) -> list[str]:
    """Check a text or several that ask for something; each is taken once."""
    found: list[Any] = (
        [values] if isinstance(values, str | Mapping) or not isinstance(values, Iterable) else list(values)
    )
    wrong = [value for value in found if not isinstance(value, str) or not value.strip()]
    if not found or wrong:
        what = "is empty" if not found else f"holds {wrong[0]!r:.80}"
        raise InvalidInputError(f"{name} {what}, and takes a text or a list of texts. Nothing was sent.")
    return list(dict.fromkeys(found))


def check_variations(inputs: object) -> list[dict[str, Any]]:
    """Check what is asked besides a prompt: one dict for all, or a list of them, each another variation."""
    listed = [inputs] if isinstance(inputs, Mapping | str) or not isinstance(inputs, Sequence) else inputs
    found: list[Any] = [{} if each is None else each for each in listed]
    if not found or not all(
        isinstance(each, Mapping) and "prompt" not in each and all(isinstance(key, str) for key in each)
        for each in found
    ):
        raise InvalidInputError(
            "inputs must be a dict of what is asked besides a prompt, or a list of such dicts, not "
            f"{inputs!r:.80}. Nothing was sent."
        )
    return [dict(each) for each in found]


def check_amount(name: str, value: object) -> Decimal:
    """Check an amount of money: a number, or a text that is one, of 0 or more, exactly as written."""
    if isinstance(value, int | float | str | Decimal) and not isinstance(value, bool):
        try:
            text = str(float(value)) if isinstance(value, float) else str(value)  # numpy's float64, too
            amount = Decimal(text.strip().removeprefix("$"))
            if amount.is_finite() and amount >= 0:
                return amount
        except InvalidOperation:
            pass
    raise expected(name, "an amount of 0 or more, such as 2.50", value)


def check_text(name: str, value: object, *, longest: int | None = None, what: str = "a text") -> str:
    """Check a text that is not blank, and return it without white space at its edges."""
    if isinstance(value, str) and value.strip() and (longest is None or len(value.strip()) <= longest):
        return value.strip()
    raise expected(name, what if longest is None else f"{what} of at most {longest} characters", value)


def check_choice(
    name: str, value: object, choices: Iterable[Any], *, error: type[InvalidInputError] = InvalidInputError
) -> Any:
    """Check that a value is one of a closed list; of a text, say which one was meant."""
    allowed = list(choices)
    for choice in allowed:  # by type too, else True were 1
        if type(choice) is type(value) and choice == value:
            return choice
    wanted = [repr(choice) for choice in allowed]
    text = ", ".join(wanted[:-1]) + f" or {wanted[-1]}" if len(wanted) > 1 else "".join(wanted)
    refusal = expected(name, text, value, error=error)
    hint = did_you_mean(value, [c for c in allowed if isinstance(c, str)]) if isinstance(value, str) else ""
    raise error(refusal.message + hint) if hint else refusal


def check_callable(name: str, value: C, *, takes: str = "") -> C:
    """Check something that can be called."""
    if not callable(value):
        raise expected(name, f"a function{f' that takes {takes}' if takes else ''}", value)
    return value


def check_path(
    name: str, value: object, *, what: str = "a path", error: type[InvalidInputError] = InvalidInputError
) -> Path:
    """Check the path of a file or folder, which need not exist; ``~`` is the home folder."""
    if isinstance(value, str | os.PathLike):
        text = os.fspath(value)
        if isinstance(text, str) and text.strip() and "\0" not in text:
            return Path(text).expanduser()
    raise expected(name, what, value, error=error)


def meant_as(
    example: str, *, inputs: str = "input", many: bool = False
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that says, of a call whose arguments do not fit the function, how it is meant.

    Python says ``unexpected keyword argument 'prompt'``; who writes that wants to know where the prompt goes.
    `example` is the call, with the function's parameters in braces; what was given is filled in. `inputs`
    names the parameter that takes a model's inputs, and `many` says that it takes a list of them.

    Examples
    --------
    >>> from skytells_nb.checks import meant_as
    >>> from skytells_nb.exceptions import InvalidInputError
    >>> @meant_as("create({model}, {input})")
    ... def create(model, input, *, timeout=None): ...
    >>> try:
    ...     create("truefusion", prompt="a fox")
    ... except InvalidInputError as error:
    ...     print(error)
    create() takes no 'prompt'. Write create('truefusion', {'prompt': 'a fox'}).
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)

        def check(args: tuple[Any, ...], named: dict[str, Any]) -> None:
            try:
                signature.bind(*args, **named)
            except TypeError as error:
                name = function.__qualname__.removesuffix(".__init__").rpartition(".")[2]
                words = _misfit(signature, args, named, example, inputs, many) or f"{error}."
                raise InvalidInputError(f"{name}() {words}") from None

        if inspect.iscoroutinefunction(function):  # and the decorated one is to be one, too

            @wraps(function)
            async def awaited(*args: P.args, **named: P.kwargs) -> Any:
                check(args, named)
                return await function(*args, **named)

            return cast("Callable[P, R]", awaited)

        @wraps(function)
        def call(*args: P.args, **named: P.kwargs) -> R:
            check(args, named)
            return function(*args, **named)

        return call

    return decorate


_USUAL: Final = {
    "model": "truefusion-pro",
    "input": {"prompt": "a red fox in snow"},
    "inputs": ["a fox", "an owl"],
    "models": ["truefusion", "truefusion-pro"],
    "prompts": ["a fox", "an owl"],
}


def _misfit(
    signature: inspect.Signature,
    args: tuple[Any, ...],
    named: Mapping[str, Any],
    example: str,
    inputs: str,
    many: bool,
) -> str:
    """Say what does not fit: a name that was misspelt, an input of the model beside its dict, or none."""
    known = signature.parameters
    in_order = [name for name, each in known.items() if each.kind is each.POSITIONAL_OR_KEYWORD]
    given = {**dict(zip(in_order, args, strict=False)), **{n: v for n, v in named.items() if n in known}}
    given.pop("self", None)
    if isinstance(given.get("model"), Mapping):
        given.setdefault(inputs, given.pop("model"))
    free = [name for name in known if name not in given and name != "self"]
    odd = {name: value for name, value in named.items() if name not in known}
    words = f"takes no {', '.join(map(repr, odd))}."
    # "width" is like "wait", and "text" like "extra": a slip of a letter is more alike than these
    for name in list(odd):
        near = get_close_matches(name, free, n=1, cutoff=0.75)
        if near:
            words += f" Did you mean {near[0]!r}?"
            del odd[name]
    if odd:
        own, only = given.get(inputs), next(iter(odd.values()))
        if len(odd) == 1 and inputs not in given and isinstance(only, Mapping):
            odd = dict(only)  # params={…}
        given[inputs] = {**own, **odd} if isinstance(own, Mapping) else odd
        if many and list(odd) == ["prompts"]:  # as compare() calls them
            given[inputs] = only
        elif many:
            columns = [each if isinstance(each, list | tuple) else [each] for each in odd.values()]
            given[inputs] = [dict(zip(odd, row, strict=True)) for row in zip(*columns, strict=False)]
    elif "Did you" in words:
        return words
    elif missing := [name for name in free if known[name].default is inspect.Parameter.empty]:
        words = f"needs {' and '.join(missing)}."
    elif len(args) > len(in_order):
        most = ", ".join(name for name in in_order if name != "self")
        return f"takes {most} in this order; everything else is named, such as {free[0]}=…."
    else:
        return ""
    usual = {name: None if each.default is None else _USUAL.get(name) for name, each in known.items()}
    usual = {inputs: _USUAL["input"], **usual}
    shown = {name: clip(repr(value), 120) for name, value in {**usual, **given}.items()}
    return f"{words} Write {re.sub(rf', ({inputs}=)?None', '', example.format_map(shown))}."


def _folded(word: str) -> str:
    return word.casefold().replace("-", "_").replace(" ", "_")
