"""Tools from plain Python functions."""

from __future__ import annotations

import enum
from typing import Annotated, Any, Literal, TypedDict

import pytest

import skytells_nb as sky
from skytells_nb.api._text_requests import as_tool


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Place(TypedDict):
    name: str


def everything(
    port: str,
    day: int,
    depth: float = 1.5,
    *,
    exact: bool = False,
    unit: Literal["m", "ft"] = "m",
    colour: Colour = Colour.RED,
    names: list[str] | None = None,
    counts: dict[str, int] = {},  # noqa: B006 - as people write it
    where: Place | None = None,
    note: Annotated[str, "What to remember."] = "",
    anything: Any = None,
    bare=None,
    **more: int,
):
    """Return when the tide is high,
    or low.

    More about it.

    Parameters
    ----------
    port : str
        The harbour,
        by its name.
    day : int
        How many days from now.

    Returns
    -------
    str
        A time.
    """


def schema(function):
    return as_tool(function)["function"]["parameters"]


def test_types_become_a_schema():
    found = schema(everything)
    assert found["required"] == ["port", "day"]
    properties = found["properties"]
    assert properties["port"] == {"type": "string", "description": "The harbour, by its name."}
    assert properties["day"] == {"type": "integer", "description": "How many days from now."}
    assert properties["depth"] == {"type": "number", "default": 1.5}
    assert properties["exact"] == {"type": "boolean", "default": False}
    assert properties["unit"] == {"type": "string", "enum": ["m", "ft"], "default": "m"}
    assert properties["colour"] == {"type": "string", "enum": ["red", "blue"]}
    assert properties["names"]["anyOf"] == [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]
    assert properties["counts"] == {"type": "object", "additionalProperties": {"type": "integer"}}
    assert properties["where"]["anyOf"][0]["properties"] == {"name": {"type": "string"}}
    assert properties["note"] == {"type": "string", "description": "What to remember.", "default": ""}
    assert properties["anything"] == properties["bare"] == {"default": None}
    assert "more" not in properties


def test_the_first_paragraph_describes_it():
    assert as_tool(everything)["function"]["description"] == "Return when the tide is high, or low."


def google(port: str, day: int):
    """Return the tide.

    Args:
        port (str): The harbour,
            by its name.
        day: How many days: 0 is today.

    Returns:
        A time.
    """


def sphinx(port: str, day: int):
    """Return the tide.

    :param port: The harbour.
    :param int day: How many days.
    """


def test_docstrings_of_three_styles_are_read():
    assert schema(google)["properties"]["port"]["description"] == "The harbour, by its name."
    assert schema(google)["properties"]["day"]["description"] == "How many days: 0 is today."
    assert [each["description"] for each in schema(sphinx)["properties"].values()] == [
        "The harbour.",
        "How many days.",
    ]


def test_methods_and_hints_that_mean_nothing_are_taken():
    class Tides:
        def at(self, port: "Nowhere") -> None:  # noqa: F821, UP037 - cannot be resolved
            pass

    assert schema(Tides().at) == {"type": "object", "properties": {"port": {}}, "required": ["port"]}


def test_a_dict_is_taken_as_it_is():
    tool = {"type": "web_search"}
    assert as_tool(tool) == tool


@pytest.mark.parametrize("tool", [5, "tide", lambda x: x, lambda x, /: x])
def test_what_is_no_tool_is_refused(tool):
    with pytest.raises(sky.InvalidInputError):
        as_tool(tool)


def test_what_cannot_be_named_is_refused():
    def by_place(port, /):
        pass

    with pytest.raises(sky.InvalidInputError, match="by position alone"):
        as_tool(by_place)
