"""`sky.options`: one typed place, refused when misspelt, and put back after a block."""

from __future__ import annotations

import pickle
import threading
from pathlib import Path

import pytest

from skytells_nb._options import Options, OptionValueError
from skytells_nb.checks import UnknownNameError
from skytells_nb.exceptions import InvalidInputError, SkytellsError


@pytest.fixture
def options() -> Options:
    return Options()


def test_they_begin_with_what_the_documentation_says(options):
    assert (options.thumbnail_size, options.cell_budget) == (512, 1_000_000)
    assert (options.archive, options.progress) == (None, "auto")
    assert (options.unknown_inputs, options.reuse, options.tracebacks) == (None, False, "short")


def test_an_assignment_holds_for_the_whole_process(options):
    options.cell_budget = 200_000
    seen = []
    thread = threading.Thread(target=lambda: seen.append(options.cell_budget))
    thread.start()
    thread.join()
    assert seen == [200_000]


def test_a_misspelt_name_is_refused_and_the_right_one_is_suggested(options):
    with pytest.raises(UnknownNameError, match="Did you mean 'cell_budget'") as caught:
        options.cel_budget = 1
    assert isinstance(caught.value, InvalidInputError)
    assert isinstance(caught.value, AttributeError)
    assert caught.value.charged is False


def test_a_misspelt_name_cannot_be_read_or_set_for_a_block_either(options):
    assert not hasattr(options, "thumbnails")
    with pytest.raises(UnknownNameError), options(thumbnail=3):
        pass


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("thumbnail_size", "512"),
        ("thumbnail_size", 15),
        ("thumbnail_size", True),
        ("thumbnail_size", 256.0),
        ("cell_budget", 0),
        ("cell_budget", -1),
        ("cell_budget", float("nan")),
        ("archive", 3),
        ("archive", "  "),
        ("archive", ["somewhere"]),
        ("progress", "yes"),
        ("progress", None),
        ("progress", 1),
        ("unknown_inputs", "ignore"),
        ("unknown_inputs", True),
        ("reuse", 1),
        ("reuse", None),
        ("tracebacks", "long"),
    ],
)
def test_a_value_of_the_wrong_type_or_range_is_refused_and_nothing_changes(options, name, value):
    before = getattr(options, name)
    with pytest.raises(OptionValueError, match=f"options.{name} must be ") as caught:
        setattr(options, name, value)
    assert isinstance(caught.value, SkytellsError)
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, ValueError)
    assert getattr(options, name) == before


@pytest.mark.parametrize("value", [None, True, False, "outputs", Path("outputs")])
def test_the_archive_may_be_left_open_switched_or_placed(options, value):
    options.archive = value
    assert options.archive == value


def test_a_block_is_put_back_also_after_an_error(options):
    def fail():
        with options(cell_budget=200_000, progress=False):
            assert (options.cell_budget, options.progress) == (200_000, False)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (options.cell_budget, options.progress) == (1_000_000, "auto")


def test_blocks_nest(options):
    with options(thumbnail_size=256):
        with options(thumbnail_size=128, cell_budget=50_000):
            assert (options.thumbnail_size, options.cell_budget) == (128, 50_000)
        assert (options.thumbnail_size, options.cell_budget) == (256, 1_000_000)
    assert options.thumbnail_size == 512


def test_a_block_in_one_thread_is_not_seen_by_another(options):
    seen = []
    with options(thumbnail_size=64):
        thread = threading.Thread(target=lambda: seen.append(options.thumbnail_size))
        thread.start()
        thread.join()
    assert seen == [512]


def test_what_is_assigned_inside_a_block_ends_with_it_where_the_block_named_it(options):
    with options(thumbnail_size=256):
        options.thumbnail_size = 300
        options.progress = False
        assert options.thumbnail_size == 300
    assert options.thumbnail_size == 512
    assert options.progress is False


def test_a_block_that_is_refused_sets_nothing(options):
    with pytest.raises(OptionValueError), options(thumbnail_size=256, cell_budget="much"):
        pass
    assert options.thumbnail_size == 512


def test_deleting_an_option_gives_it_its_first_value_again(options):
    options.cell_budget = 20_000
    del options.cell_budget
    assert options.cell_budget == 1_000_000
    with pytest.raises(UnknownNameError):
        del options.budget


def test_its_repr_names_every_option_with_its_value_and_meaning(options):
    options.thumbnail_size = 300
    told = repr(options)
    assert "thumbnail_size  = 300" in told
    assert "cell_budget     = 1_000_000" in told
    assert "archive" in told
    assert "progress" in told
    assert {"thumbnail_size", "cell_budget", "archive", "progress", "reuse"} <= set(dir(options))
    assert max(map(len, told.splitlines())) <= 110


def test_the_errors_can_be_pickled(options):
    with pytest.raises(UnknownNameError) as caught:
        options.nothing = 1
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), again.message) == (UnknownNameError, caught.value.message)
