"""Inputs against a schema: what is wrong with each field, in words, before anything is sent or billed.

jsonschema decides. Every keyword of it is wrapped, so that a part of a schema that cannot be used (a
reference into nowhere, an unknown type, a recursion without end) is passed over instead of hiding what is
wrong beside it: the server has the last word anyway.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, Final

from .._options import options
from ..plaintext import clip
from ._flatten import listed, modern_throughout
from ._names import closest_input, unknown_inputs
from ._property import UNSET, InputSchema, Property, parse
from ._values import as_lists, is_same, to_plain

NEEDED: Final = "This is needed."

_MOST_STEPS: Final = 100_000
_DEEPEST: Final = 120
_MOST_PROBLEMS: Final = 200
_MOST_PATTERN_STEPS: Final = 10_000_000
TIMES: Final[Mapping[str, str]] = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
}
"""Formats of text that are checked, each with an example."""
_TIME_READERS: Final[Mapping[str, Callable[[str], object]]] = {
    "date": date.fromisoformat,
    "date-time": datetime.fromisoformat,
    "time": time.fromisoformat,
}
_REPEAT: Final = re.compile(r"(?<!\\)[*+]|\{\d*,\}")
_REPEATED_GROUP: Final = re.compile(r"\)(?:[*+]|\{\d*,?\d*\})")
_LINK: Final = "data:,"
_FORWARDING: Final = frozenset(
    {
        *("properties", "patternProperties", "additionalProperties", "allOf", "$ref", "$dynamicRef"),
        *("items", "prefixItems", "dependentSchemas"),
    }
)
"""Keywords that only hand on what others find. Any other that rests on an unusable part says nothing."""

_OF_THE_WHOLE: Final = frozenset({"required", "dependentRequired", "anyOf", "oneOf", "minProperties"})


def check(input: Mapping[str, Any], schema: object) -> dict[str, str]:
    """Check one input against a model's ``input_schema``; for many inputs, make one `Checker`.

    Returns what is wrong, in words, by the name of the field; ``""`` holds what concerns none alone. A schema
    that is None, or that cannot be understood, finds no problem: the API has the last word then.
    """
    return Checker(schema).problems(input)


class Checker:
    """Checks inputs against one schema, which is read once; one that is None, or no schema, allows anything.

    Fields in ``needed`` are needed besides those that the schema says are required.
    """

    def __init__(self, schema: object, needed: Iterable[str] = ()) -> None:
        self.inputs = schema if isinstance(schema, InputSchema) else parse(schema)
        self._needed = tuple(needed)
        self._validators: dict[int, Any] = {}

    def problems(self, input: Mapping[str, Any], *, partial: bool = False) -> dict[str, str]:
        """Return what is wrong with an input, by field; under ``""`` what concerns the whole.

        Of a ``partial`` one, what is missing is no fault.
        """
        found: dict[str, str] = dict(
            unknown_inputs(self.inputs, input, policy=options.unknown_inputs or "refuse")
        )
        free = [name for name in self.inputs if name not in input]
        meant = {closest_input(name, free) for name in found if name not in self.inputs}
        required = [name for name, p in self.inputs.items() if p.required and not p.conditions]
        also = [name for name in listed(self.inputs.flat.get("required")) if isinstance(name, str)]
        for name in dict.fromkeys([*self._needed, *required, *also]):
            if name not in input and name not in meant and not partial:
                found[name] = NEEDED
        if not self.inputs.root:
            return found
        given = to_plain(input)
        plain = _with_links({name: as_lists(value, self.inputs.get(name)) for name, value in given.items()})
        defaults = {name: p.default for name, p in self.inputs.items()}
        errors = _run(self._validator(self.inputs.root), plain, defaults)
        for error in sorted(errors, key=lambda error: len(error.absolute_path)):
            if partial and not error.absolute_path and error.validator in _OF_THE_WHOLE:
                continue
            for name, words in _by_field(error, self.inputs, plain):
                if name in meant or (name in plain and is_same(plain[name], defaults.get(name, UNSET))):
                    continue  # said already; or the model's own default, which the model must take
                if name not in found:
                    found[name] = words
        in_order = [name for name in self.inputs if name in found]
        return {name: found[name] for name in dict.fromkeys([*in_order, *found])}

    def applies(self, field: Property, input: Mapping[str, Any]) -> bool:
        """Return whether an input is asked for a property, which some are only under a condition.

        What has a default is to stand in the input with it.
        """
        value = _with_links(to_plain(input))
        return not field.conditions or any(
            all((not _run(self._validator(part), value)) is holds for part, holds in alternative)
            for alternative in field.conditions
        )

    def _validator(self, part: Mapping[str, Any]) -> Any:
        if id(part) not in self._validators:
            from referencing import Registry

            root = self._validators.get(id(self.inputs.root))
            if root is None:
                nothing_but_this: Registry[Any] = Registry()  # jsonschema's own would ask the network
                schema = modern_throughout(self.inputs.root)
                # Its address would change what references mean, and an input is an object anyway.
                schema = {key: part for key, part in schema.items() if key not in ("$schema", "$id", "type")}
                root = _validator_class()(schema, registry=nothing_but_this)
                self._validators[id(self.inputs.root)] = root
            if part is not self.inputs.root:
                self._validators[id(part)] = root.evolve(schema=modern_throughout(part))
        return self._validators[id(part)]


class _Run:
    """How far one check has come: parts that it may still look at, how deep it is, what could not be used."""

    def __init__(self, whole: Any, defaults: Mapping[str, Any]) -> None:
        self.left, self.depth, self.unusable = _MOST_STEPS, 0, 0
        self.whole = whole
        self.defaults = {name: value for name, value in defaults.items() if value is not UNSET}


_current: ContextVar[_Run] = ContextVar("skytells_nb_check")


class _TooManyError(Exception):
    """There is no end to it."""


def _run(validator: Any, value: Any, defaults: Mapping[str, Any] | None = None) -> list[Any]:
    token = _current.set(_Run(value, defaults or {}))
    try:
        return list(islice(validator.iter_errors(value), _MOST_PROBLEMS))
    except _TooManyError:
        return []
    finally:
        _current.reset(token)


@cache
def _validator_class() -> Any:
    # JupyterLab brings a library along with which jsonschema checks internationalised addresses: 38 grammars
    # that take two seconds to build. Nothing here asks for that format (see `_format`).
    grammars = "rfc3987_syntax"
    if not {"jsonschema", grammars} & sys.modules.keys():
        sys.modules[grammars] = None  # type: ignore[assignment]  # how Python notes what is not there
        try:
            import_module("jsonschema")
        finally:
            sys.modules.pop(grammars, None)
    from jsonschema import validators

    extend: Any = validators.extend  # which has no annotations
    base = validators.Draft202012Validator
    own = {"multipleOf": _multiple_of, "pattern": _pattern, "format": _format, "oneOf": _one_of, "if": _if}
    keywords = {**base.VALIDATORS, **own}
    return extend(base, {name: _guarded(name, keyword) for name, keyword in keywords.items()})


def _guarded(name: str, keyword: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
    """Wrap one of jsonschema's keywords: bounded, and silent where it rests on what cannot be used."""

    def guarded(validator: Any, limit: Any, value: Any, schema: Any) -> Iterator[Any]:
        run = _current.get()
        run.left -= 1
        if run.left < 0:
            raise _TooManyError
        if run.depth >= _DEEPEST:
            run.unusable += 1
            return
        run.depth += 1
        unusable = run.unusable
        try:
            errors = list(keyword(validator, limit, value, schema) or ())
        except _TooManyError:
            raise
        except Exception:  # noqa: BLE001 - a schema that cannot be used is no reason not to ask the server
            run.unusable += 1
            return
        finally:
            run.depth -= 1
        if run.unusable == unusable or name in _FORWARDING:
            yield from errors

    return guarded


def _one_of(validator: Any, variants: Any, value: Any, schema: Any) -> Iterator[Exception]:
    """Take oneOf for anyOf, as many schemas mean it: a number that is an integer, too; the server decides.

    Where variants only name what is to be given, such as a prompt or an image, two of them are one too many.
    """
    from jsonschema import ValidationError

    yield from validator.VALIDATORS["anyOf"](validator, variants, value, schema)
    only_names = all(
        isinstance(v, Mapping) and "required" in v and len(v) == 1 + ("title" in v) for v in variants
    )
    if only_names and validator.is_type(value, "object"):
        met = [v["required"] for v in variants if value.keys() >= set(v["required"])]
        if len(met) > 1 and not any(set(one) < set(other) for one in met for other in met):
            names = [" and ".join(each) for each in met]
            yield ValidationError(f"Only one of {', '.join(names)} can be given")


def _if(validator: Any, condition: Any, value: Any, schema: Any) -> Iterator[Any]:
    """Decide by what the model will take: without its default `mode` is anything, an image's mode, too."""
    run = _current.get()
    known = {**run.defaults, **value} if value is run.whole else value
    branch = "then" if validator.evolve(schema=condition).is_valid(known) else "else"
    if branch in schema:
        yield from validator.descend(value, schema[branch], schema_path=branch)


def _multiple_of(validator: Any, step: Any, value: Any, _: Any) -> Iterator[Exception]:
    """Decide multiples as they are written: jsonschema divides floats, and by those 0.3 is none of 0.1."""
    from jsonschema import ValidationError

    if validator.is_type(value, "number") and Decimal(str(value)) % Decimal(str(step)):
        yield ValidationError(f"{value!r} is not a multiple of {step!r}")


def _format(validator: Any, name: Any, value: Any, _: Any) -> Iterator[Exception]:
    """Check what is a date or a time; addresses and colours are the API's to judge."""
    from jsonschema import ValidationError

    if isinstance(name, str) and name in _TIME_READERS and validator.is_type(value, "string"):
        try:
            _TIME_READERS[name](value)
        except ValueError:
            yield ValidationError(f"{value!r} is no {name}")


def _pattern(validator: Any, pattern: str, value: Any, _: Any) -> Iterator[Exception]:
    """Search a pattern only where that ends soon: one of the API's own could hold up the kernel for hours."""
    from jsonschema import ValidationError

    if not validator.is_type(value, "string"):
        return
    repeats = len(_REPEAT.findall(pattern))
    steps = 2 ** min(len(value), 64) if _REPEATED_GROUP.search(pattern) else len(value) ** min(repeats, 9)
    if steps <= _MOST_PATTERN_STEPS and not re.search(pattern, value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _with_links(value: Any) -> Any:
    """Replace what only becomes JSON on its way (a file, a picture, a prediction) by a link."""
    if isinstance(value, dict):
        return {name: _with_links(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_links(item) for item in value]
    if value is None or isinstance(value, str | int | float):
        return value
    becomes_link = isinstance(value, Path | bytes) or any(
        hasattr(value, key) for key in ("id", "size", "read")
    )
    return _LINK if becomes_link else value


def _by_field(error: Any, inputs: InputSchema, value: Any) -> Iterator[tuple[str, str]]:
    """Return under which field an error stands, and its words."""
    if error.instance == _LINK and error.validator != "type":
        return  # what will be uploaded cannot be judged yet
    path = list(error.absolute_path)
    if path:
        name, *inner = path
        where = "".join(f"[{step!r}]" if isinstance(step, str) else f"[{step}]" for step in inner)
        words = _sentence(error)
        yield str(name), f"{where}: {words}" if where else words
        return
    match error.validator:
        case "required":
            yield from ((name, NEEDED) for name in error.validator_value if name not in value)
        case "dependentRequired":
            for name, needed in error.validator_value.items():
                if name in value:
                    yield from (
                        (n, f"This is needed where {name} is given.") for n in needed if n not in value
                    )
        case "additionalProperties" | "unevaluatedProperties":
            extra = [name for name in value if name not in inputs]
            if extra:
                yield "", f"This model takes no input {_short(', '.join(map(repr, extra)))}."
        case "anyOf" | "oneOf" if error.context:
            yield from _of_variants(error, inputs, value)
        case _:
            yield "", _sentence(error)


def _of_variants(error: Any, inputs: InputSchema, value: Any) -> Iterator[tuple[str, str]]:
    """Say what every variant of the whole input lacks, or what is wrong with the nearest one."""
    by_variant: dict[int, list[Any]] = {}
    for inner in error.context:
        if inner.relative_schema_path:  # a variant that is `false` has none: nothing meets it
            by_variant.setdefault(inner.relative_schema_path[0], []).append(inner)
    if not by_variant:
        yield "", _sentence(error)
        return
    missing = [
        [name for name in each.validator_value if name not in value]
        for errors in by_variant.values()
        for each in errors
        if each.validator == "required" and not each.relative_path
    ]
    if len(missing) >= len(by_variant) and all(len(names) == 1 for names in missing):
        names = list(dict.fromkeys(names[0] for names in missing))
        yield "", f"{names[0]} is needed." if len(names) == 1 else f"One of {', '.join(names)} is needed."
        return
    for inner in min(by_variant.values(), key=len):
        yield from _by_field(inner, inputs, value)


_TYPE_NAMES: Final = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


_LIMITS: Final = {
    "minimum": "At least {limit:,}, not {value:,}.",
    "maximum": "At most {limit:,}, not {value:,}.",
    "exclusiveMinimum": "More than {limit:,}, not {value:,}.",
    "exclusiveMaximum": "Less than {limit:,}, not {value:,}.",
    "multipleOf": "A multiple of {limit}, not {value}.",
    "minLength": "At least {limit:,} characters; this has {size:,}.",
    "maxLength": "At most {limit:,} characters; this has {size:,}.",
    "minItems": "At least {limit:,} of them; there are {size:,}.",
    "maxItems": "At most {limit:,} of them; there are {size:,}.",
}


def _sentence(error: Any) -> str:
    """Say in one sentence what is wrong; the error is one of jsonschema's."""
    if error.validator in ("anyOf", "oneOf") and error.context:
        return _sentence_of_alternatives(error)
    return _by_keyword(error.validator, error.validator_value, error.instance) or _short(error.message) + "."


def _sentence_of_alternatives(error: Any) -> str:
    inner = [each for each in error.context if each.validator_value != "null" and not each.relative_path]
    constants = [each.validator_value for each in inner if each.validator == "const"]
    enums = [value for each in inner if each.validator == "enum" for value in each.validator_value]
    if constants + enums and len(inner) == sum(each.validator in ("const", "enum") for each in inner):
        return _by_keyword("enum", constants + enums, error.instance)
    kinds = [each.validator_value for each in inner if each.validator == "type"]
    if kinds and len(kinds) == len(inner):
        names = [name for kind in kinds for name in ([kind] if isinstance(kind, str) else kind)]
        return _by_keyword("type", list(dict.fromkeys(names)), error.instance)
    best = [each for each in inner if each.validator != "type"] or inner or list(error.context)
    if len(best) > 1 and all(each.validator == "required" for each in best):
        missing = (name for each in best for name in each.validator_value if name not in each.instance)
        return f"One of {', '.join(dict.fromkeys(missing))} is needed."
    return _sentence(best[0])


def _by_keyword(keyword: str, limit: Any, value: Any) -> str:
    match keyword:
        case "required":
            missing = [name for name in limit if name not in value]
            return f"{', '.join(missing)} needed."
        case "type":
            kinds = [limit] if isinstance(limit, str) else [kind for kind in limit if kind != "null"]
            wanted = " or ".join(_TYPE_NAMES.get(kind, str(kind)) for kind in kinds)
            # The text 512, or TRUE, looks like the value that is asked for, unless it stands in quotes.
            words = ("true", "false", "none", "null", "nan")
            ambiguous = isinstance(value, str) and value != _LINK
            ambiguous = ambiguous and (not value.isalpha() or value.lower() in words)
            return f"This takes {wanted}, not {_short(repr(value) if ambiguous else value)}."
        case "enum":
            choices = ", ".join(str(choice) for choice in limit if choice is not None)
            return f"One of {_short(choices)}, not {_short(value)}."
        case "const":
            return f"This must be {_short(limit)}."
        case "format":
            return f"A {limit} such as {TIMES[limit]}, not {_short(value)}."
        case "not" if isinstance(limit, Mapping) and (names := listed(limit.get("required"))):
            return f"{' and '.join(map(str, names))} cannot be given {'together' if names[1:] else 'here'}."
        case "pattern":
            return f"This does not have the form {_short(limit)}."
    size = len(value) if isinstance(value, str | list) else 0
    return _LIMITS.get(keyword, "").format(limit=limit, value=value, size=size)


def _short(value: object, length: int = 80) -> str:
    text = value if isinstance(value, str) else repr(value)
    text = "a file" if text == _LINK else text
    return clip(" ".join(text.split()), length)
