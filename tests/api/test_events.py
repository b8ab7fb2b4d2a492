"""Server-sent events by the specification, and what servers make of it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skytells_nb.api._deltas import EventParser

STREAM = (
    "\ufeff: hello\r\n\r\ndata: one ⚓\r\n\r\nevent: named\ndata:two\ndata:  lines\nid: 7\nretry: 5\n\n"
    "data\r\rdata: [DONE]\n\n"
).encode()
EVENTS = [("", "one ⚓"), ("named", "two\n lines"), ("", ""), ("", "[DONE]")]


def parsed(chunks):
    parser = EventParser()
    found = [event for chunk in chunks for event in parser.feed(chunk)]
    return found + parser.close()


def test_one_stream_is_parsed_whole():
    assert parsed([STREAM]) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=30))
def test_wherever_it_is_cut_the_events_are_the_same(cuts):
    edges = sorted({0, *cuts, len(STREAM)})
    assert parsed([STREAM[begin:end] for begin, end in pairwise(edges)]) == EVENTS


def test_byte_by_byte_too():
    assert parsed([bytes([each]) for each in STREAM]) == EVENTS


@pytest.mark.parametrize("end", [b"\n\n", b"\r\r", b"\r\n\r\n", b"\n\r\n"])
def test_an_event_is_handed_over_with_the_last_byte_of_its_end(end):
    parser = EventParser()
    assert parser.feed(b"data: x" + end) == [("", "x")]
    assert parser.feed(b"data: y" + end) == [("", "y")]


def test_a_last_event_without_its_line_ends_is_not_lost():
    assert parsed([b"data: one\n\ndata: two\n"]) == [("", "one"), ("", "two")]
    assert parsed([b"data: one\n\ndata: two"]) == [("", "one"), ("", "two")]


def test_broken_letters_do_not_stop_it():
    assert parsed([b"data: \xff!\n\n"]) == [("", "\ufffd!")]


def test_a_long_line_in_little_pieces_takes_no_longer_than_it_must():
    chunks = [b"data: ", *[b"x" * 7] * 100_000, b"\n\n"]  # minutes, were it joined each time
    assert parsed(chunks) == [("", "x" * 700_000)]
