"""A job's identity: into a COMMENT and back, and never mistaken for another comment."""

import json
from datetime import timezone

import pytest
from hypothesis import example, given

from dagster_spcs.jobs.identity import MAX_COMMENT, JobIdentity
from dagster_spcs.spcs.unreadable import Unreadable

from .samples import ANY_TEXT, AWKWARD_TEXT, IDENTITIES, NOON, at, identity


@given(IDENTITIES)
@example(identity(asset=("a/b", 'c"d', "$$", "\\"), partition="\x1b", note="'"))
def test_reads_back(original: JobIdentity) -> None:
    """Any identity that fits in a comment is read back whole; NUL is not in the comment's text."""
    try:
        comment = original.to_comment()
    except ValueError:
        assert len(original.model_dump_json(by_alias=True)) > MAX_COMMENT
        return
    assert "\0" not in comment
    assert len(comment) <= MAX_COMMENT
    back = JobIdentity.from_comment(comment)
    assert isinstance(back, JobIdentity)
    if back.note == original.note:
        assert back == original
    else:
        assert back.model_copy(update={"note": original.note}) == original
        assert (original.note or "").startswith(back.note or "")


def test_impossible_time() -> None:
    """A time that nobody could have written cannot be read, nor calculated with."""
    written = json.loads(identity().to_comment())
    assert JobIdentity.from_comment(json.dumps(written)) == identity()
    for moment in ("2026-01-01T00:00:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        for key in ("t", "d"):
            told = JobIdentity.from_comment(json.dumps({**written, key: moment}))
            assert isinstance(told, Unreadable)


def test_time_of_another_zone() -> None:
    """It is the same moment, and told in UTC."""
    written = json.loads(identity().to_comment())
    told = JobIdentity.from_comment(json.dumps({**written, "t": "2026-01-01T14:00:00+02:00"}))
    assert told == identity()
    assert isinstance(told, JobIdentity)
    assert told.submitted.tzinfo is timezone.utc


def test_comment_as_written() -> None:
    """The comment is compact JSON with short keys; released versions must go on reading it."""
    written = identity(partition="2026-01-01", deadline=at(30), note="nightly").to_comment()
    assert json.loads(written) == {
        "k": "dagster-spcs",
        "v": 1,
        "a": ["daily", "scores"],
        "p": "2026-01-01",
        "r": "run-1",
        "n": 0,
        "b": False,
        "m": False,
        "q": False,
        "t": "2026-01-01T12:00:00Z",
        "d": "2026-01-01T12:30:00Z",
        "c": "nightly",
    }
    assert ": " not in written
    rest = identity(deployment="DAGSTER", resource_key="spcs", call="1/x").to_comment()
    told = json.loads(rest)
    assert (told["x"], told["s"], told["o"]) == ("DAGSTER", "spcs", "1/x")


def test_comment_of_an_earlier_release() -> None:
    """What the first release wrote is read: a job may have been started by it."""
    comment = (
        '{"k":"dagster-spcs","v":1,"a":["daily","scores"],"r":"run-1","n":0,"b":false,"m":false,'
        '"q":false,"h":false,"t":"2026-01-01T12:00:00Z"}'
    )
    assert JobIdentity.from_comment(comment) == identity()


@pytest.mark.parametrize(
    "character",
    [
        pytest.param("n", id="plain"),
        pytest.param("é", id="not-ascii"),
        pytest.param("\0", id="six-characters-each"),
        pytest.param('"', id="two-characters-each"),
        pytest.param("😍", id="beyond-the-basic-plane"),
    ],
)
def test_long_note_is_cut(character: str) -> None:
    """A long note is cut, and only the note."""
    original = identity(note=character * 10_000)
    comment = original.to_comment()
    assert len(comment) <= MAX_COMMENT
    back = JobIdentity.from_comment(comment)
    assert isinstance(back, JobIdentity)
    assert back.model_copy(update={"note": None}) == original.model_copy(update={"note": None})
    assert set(back.note or character) == {character}


def test_plain_note_uses_the_space() -> None:
    """No more of a note is cut than has to be."""
    assert len(identity(note="n" * 10_000).to_comment()) == MAX_COMMENT


def test_too_long_without_a_note() -> None:
    """An asset key that does not fit is refused by its name, not cut."""
    with pytest.raises(ValueError, match=r"identity of asset xxx.*Shorten asset key"):
        identity(asset=("x" * MAX_COMMENT,), note="gone by then").to_comment()


def test_other_comments_are_not_ours() -> None:
    """A comment that does not name us is nobody's."""
    others = identity().to_comment().replace('"k":"dagster', '"k":"other')
    named = ("about dagster-spcs", '"dagster-spcs"', '["dagster-spcs"]', '{"by": "dagster-spcs"}')
    for comment in (None, "", "made by hand", '{"k": "other"}', others, *named):
        assert JobIdentity.from_comment(comment) is None


@pytest.mark.parametrize(
    "comment",
    [
        pytest.param('{"k":"dagster-spcs"', id="json-cut-off"),
        pytest.param('{"k":"dagster-spcs","v":1}', id="fields-missing"),
        pytest.param(
            identity().to_comment().replace('"v":1', '"v":2'), id="version-not-known-here"
        ),
        pytest.param(identity().to_comment().replace("12:00", "noon"), id="no-time"),
        pytest.param(identity().to_comment().replace('"n":0', '"n":-1'), id="no-attempt"),
    ],
)
def test_comments_that_name_us_and_cannot_be_read(comment: str) -> None:
    """What may be an identity is told with a reason: its job is not taken for somebody else's."""
    told = JobIdentity.from_comment(comment)
    assert isinstance(told, Unreadable)
    assert told.reason
    assert "\n" not in str(told)


@given(ANY_TEXT | AWKWARD_TEXT)
def test_no_comment_fails(comment: str) -> None:
    """Whatever somebody wrote into a comment, reading it does not fail."""
    assert JobIdentity.from_comment(comment) is None
    assert JobIdentity.from_comment(f"dagster-spcs {comment}") is None


def test_observed() -> None:
    """A job without a run is one that others started."""
    assert identity(run_id="").is_observed
    assert not identity().is_observed


def test_later_fields_are_skipped() -> None:
    """A field that a later release adds does not hide the identity."""
    comment = identity().to_comment().replace('"v":1', '"v":1,"z":"later"')
    assert JobIdentity.from_comment(comment) == identity()
    assert identity().submitted == NOON
