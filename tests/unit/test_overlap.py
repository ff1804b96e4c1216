"""Overlap: what other runs have in flight for the same asset and partition, and its end."""

import pytest

from dagster_spcs.errors import NotPrivileged, ObjectNotFound
from dagster_spcs.jobs.tracked_job import TrackedJob
from dagster_spcs.run.listing import list_tracked
from dagster_spcs.run.overlap import cancel_and_wait, find_overlapping
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.testing import InMemorySession

from .samples import PLACE, identity, job_row, planned, request, tracked

LIST = "SHOW JOB SERVICES"
CANCEL = "CALL"


def comment(**fields) -> str:
    """The comment of a job of asset ``daily/scores`` that another run started."""
    return identity(**{"run_id": "run-2", **fields}).to_comment()


def found(client: SpcsClient, *plan) -> list[list[str]]:
    """The bare names of what is in flight for each planned job."""
    return [
        [job.name.name for job in each.others]
        for each in find_overlapping(plan, list_tracked(client, PLACE))
    ]


def test_what_is_in_flight(client: SpcsClient, session: InMemorySession) -> None:
    """Unfinished jobs of the same asset and partition that other runs started are in flight."""
    session.answer(
        LIST,
        [
            job_row("DAGSTER_SCORES_1", comment=comment(partition="p")),
            job_row("DAGSTER_SCORES_2", comment=comment(partition="p", run_id="run-1")),
            job_row("DAGSTER_SCORES_3", "DONE", comment=comment(partition="p")),
            job_row("DAGSTER_SCORES_4", comment=comment(partition="q", run_id="run-3")),
            job_row("DAGSTER_SCORES_5", comment=comment(asset=("scores",))),
            job_row("DAGSTER_SCORES_6", comment="made by hand"),
            job_row("DAGSTER_SCORES_7", "HIBERNATING", comment=comment()),
            job_row("DAGSTER_SCORES_8", comment='{"k":"dagster-spcs","v":9}'),
        ],
    )
    plan = [planned(partition="p"), planned(partition="none"), planned(), planned(partition="q")]
    assert found(client, *plan) == [
        ["DAGSTER_SCORES_1"],
        [],
        ["DAGSTER_SCORES_7"],
        ["DAGSTER_SCORES_4"],
    ]


def test_one_listing_for_all(client: SpcsClient, session: InMemorySession) -> None:
    """Assets and stems of any names cost one listing, of the resource's own jobs."""
    session.always(LIST, [])
    plan = [planned(asset=("a",)), planned(asset=("b",)), planned(request=request(name="nightly"))]
    assert found(client, *plan) == [[], [], []]
    [text] = session.texts()
    assert r"LIKE 'DAGSTER\\_%' IN SCHEMA" in text


def test_batches_are_for_all_partitions(client: SpcsClient, session: InMemorySession) -> None:
    """A batch, planned or in flight, overlaps with every partition of its asset."""
    session.always(
        LIST,
        [
            job_row("DAGSTER_BATCH", comment=comment(batch=True)),
            job_row("DAGSTER_P", comment=comment(partition="p")),
        ],
    )
    plan = [planned(partition="p"), planned(partition="q"), planned(partitions=("q", "r"))]
    assert found(client, *plan) == [
        ["DAGSTER_BATCH", "DAGSTER_P"],
        ["DAGSTER_BATCH"],
        ["DAGSTER_BATCH", "DAGSTER_P"],
    ]


def test_jobs_of_another_deployment_are_not_in_the_way(
    client: SpcsClient, session: InMemorySession
) -> None:
    """A prefix may begin like another deployment's; the comment tells whose job it is."""
    session.answer(
        LIST,
        [
            job_row("DAGSTER_DEV_SCORES_1", comment=comment(deployment="DAGSTER_DEV")),
            job_row("DAGSTER_SCORES_2", comment=comment(deployment="DAGSTER")),
        ],
    )
    assert found(client, planned()) == [["DAGSTER_SCORES_2"]]


def test_names_for_messages(client: SpcsClient, session: InMemorySession) -> None:
    """What is in the way is told by full names."""
    session.answer(LIST, [job_row(bare, comment=comment()) for bare in ("DAGSTER_A", "DAGSTER_B")])
    [each] = find_overlapping([planned()], list_tracked(client, PLACE))
    assert each.names == "LAB.JOBS.DAGSTER_A, LAB.JOBS.DAGSTER_B"


def cancel(client: SpcsClient, *jobs: TrackedJob) -> tuple[list[str], list[str]]:
    """Cancel jobs and wait; return what was said, and the warnings."""
    said: list[str] = []
    warned: list[str] = []
    cancel_and_wait(client, jobs, poll_seconds=5, say=said.append, warn=warned.append)
    return said, warned


def test_cancels_and_waits_for_the_end(client: SpcsClient, session: InMemorySession) -> None:
    """A job is cancelled once, and looked at each second until it has ended."""
    session.answer(CANCEL, [])
    session.answer(
        LIST,
        [job_row("JOB_A", "CANCELLING"), job_row("JOB_B", "CANCELLING")],
        [job_row("JOB_A", "CANCELLED"), job_row("JOB_B", "CANCELLED")],
        [job_row("JOB_B", "CANCELLED")],
    )
    said, warned = cancel(client, tracked("JOB_A"), tracked("JOB_B", "CANCELLING"))
    assert len(said) == 2
    assert warned == []
    assert session.texts(CANCEL) == ['CALL "LAB"."JOBS".JOB_A!SPCS_CANCEL_JOB()']
    assert session.slept == [1]


def test_job_that_is_gone_meanwhile(client: SpcsClient, session: InMemorySession) -> None:
    """An older job that somebody drops before it is cancelled, or looked at, is no obstacle."""
    session.answer(CANCEL, ObjectNotFound("no such job"), [])
    session.always(LIST, [])
    session.always("DESCRIBE SERVICE", ObjectNotFound("no such job"))
    said, warned = cancel(client, tracked("JOB_A"), tracked("JOB_B"))
    assert [text for text in said if "is gone" in text] == [
        "LAB.JOBS.JOB_A is gone.", "LAB.JOBS.JOB_B is gone.",
    ]  # fmt: skip
    assert warned == []


def test_nothing_to_cancel(client: SpcsClient, session: InMemorySession) -> None:
    """Without an older job nothing is asked."""
    assert cancel(client) == ([], [])
    assert session.asked == []


def test_job_that_does_not_end(client: SpcsClient, session: InMemorySession) -> None:
    """After a minute the new job does not wait any longer, and that is told."""
    session.answer(CANCEL, [])
    session.always(LIST, [job_row("JOB_A", "CANCELLING")])
    _, warned = cancel(client, tracked("JOB_A"))
    assert sum(session.slept) == 60
    assert "LAB.JOBS.JOB_A" in warned[0]


def test_refused_cancellation(client: SpcsClient, session: InMemorySession) -> None:
    """Where the older job may not be cancelled no new one is started beside it."""
    session.answer(CANCEL, NotPrivileged("no OPERATE"))
    with pytest.raises(NotPrivileged):
        cancel(client, tracked("JOB_A"))


def test_job_that_was_dropped_meanwhile(client: SpcsClient, session: InMemorySession) -> None:
    """A job that is gone has ended as well."""
    session.answer(CANCEL, [])
    session.answer(LIST, [job_row("JOB_A")], [])
    session.answer("DESCRIBE", ObjectNotFound("gone"))
    assert cancel(client, tracked("JOB_A"))[1] == []
