"""Votes: kept whole by each writer, and seen by every machine that shares an archive."""

from datetime import UTC, datetime, timedelta

import pytest

from skytells_nb.archive import Archive, Vote

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def vote(minute=0, choice="left"):
    moment = NOON + timedelta(minutes=minute)
    return Vote(moment, "Ada", choice, "one", "two", "id-1", "id-2", "a fox\nin “snow” 🦊", "task", "origin")


def test_two_writers_keep_their_votes_beside_each_other(tmp_path):
    first, second = Archive(tmp_path).vote_log(), Archive(tmp_path).vote_log()
    first.add([vote(3)])
    second.add([vote(1, "both"), vote(2, "neither")])
    first.add([vote(4)])
    assert first.read() == second.read() == [vote(1, "both"), vote(2, "neither"), vote(3), vote(4)]
    assert len([*(tmp_path / "votes").iterdir()]) == 2


def test_an_archive_without_votes_has_none_and_makes_nothing(tmp_path):
    assert Archive(tmp_path / "nowhere").vote_log().read() == []
    assert not (tmp_path / "nowhere").exists()


def test_machines_that_share_an_archive_share_its_votes(tmp_path, monkeypatch):
    place = (tmp_path / "shared").as_uri()
    for machine in ("first", "second"):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / machine))
        with Archive(place) as archive:
            archive.vote_log().add([vote(choice="left" if machine == "first" else "right")])
            seen = [each.vote for each in archive.vote_log().read()]
    assert sorted(seen) == ["left", "right"]


@pytest.mark.parametrize(
    "line", ["", "[]", "{}", '{"skytells_nb": 1, "vote": "left"}', "\x00", '{"voted_at": "soon"}', "[" * 9999]
)
def test_what_is_no_vote_is_left_out(tmp_path, line):
    log = Archive(tmp_path).vote_log()
    log.add([vote()])
    (file,) = (tmp_path / "votes").iterdir()
    file.write_text(f"{line}\n{file.read_text('utf-8')}", "utf-8")
    assert Archive(tmp_path).vote_log().read() == [vote()]
