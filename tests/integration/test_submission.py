"""Submitting: adoption after a crash, names in use, and errors a user can act on."""

from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest

from dagster_spcs import (
    AuthenticationFailed,
    ConnectionFailed,
    Container,
    JobName,
    JobNameInUse,
    JobRequest,
    ObjectNotFound,
    ServiceSpec,
    SpcsJobResource,
    StatementError,
    Submission,
    SubmissionFailed,
    spcs_job_asset,
    spcs_job_multi_asset,
)
from dagster_spcs.emulator import Emulator
from dagster_spcs.event_log import keys
from dagster_spcs.jobs.submission import Place, PlannedJob, submit
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.session import SnowflakeSession
from dagster_spcs.spcs.statements import Statement
from tests.integration.conftest import (
    Location,
    requested_asset,
    script_asset,
    script_request,
    snowflake_resource,
)
from tests.support.emulators import POOL, SHELL
from tests.support.events import is_end

Locate = Callable[..., Location]


class LosesAnswers:
    """A session whose connection breaks after a submission was sent, before its answer came."""

    def __init__(self, session: SnowflakeSession, times: int) -> None:
        self._session = session
        self._left = times

    def run(self, statement: Statement) -> list[dict[str, Any]]:
        rows = self._session.run(statement)
        if statement.text.startswith("EXECUTE") and self._left:
            self._left -= 1
            raise ConnectionFailed("the connection broke")
        return rows

    def close(self) -> None:
        self._session.close()


def test_repeated_submission_adopts_its_own_first_try(
    resource: SpcsJobResource, schema: str
) -> None:
    """A lost answer does not start a second job: the repetition finds the first."""
    session = LosesAnswers(SnowflakeSession(resource.snowflake.get_connection), times=2)
    client = SpcsClient(session, sleep=lambda _: None)
    submission = Submission(
        script_request("sleep 30"), JobName("ONCE", schema, "LAB"), POOL, "mine"
    )

    submitted = client.submit(submission)

    assert submitted.adopted is not None
    assert submitted.adopted.comment == "mine"
    assert len(client.list_jobs(database="LAB", schema=schema)) == 1


def test_retried_step_adopts_the_job_that_stands_there(client: SpcsClient, schema: str) -> None:
    """The same attempt, submitted again, goes on with the job it started the first time."""
    planned = PlannedJob(
        script_request("sleep 30"), POOL, ("a",), "p", run_id="r", attempt=0, blocking=True
    )
    place = Place("LAB", schema, "DAGSTER")
    [first] = submit(client, place, [planned], max_concurrent=1, is_retry=False)

    [second] = submit(client, place, [planned], max_concurrent=1, is_retry=True)

    assert (first.adopted, second.adopted) == (False, True)
    assert first.name == second.name
    assert len(client.list_jobs(database="LAB", schema=schema)) == 1


def test_retry_after_a_failed_job_starts_a_new_one(locate: Locate, tmp_path: Any) -> None:
    """A blocking step's retry policy runs the job again, under a name of its own."""
    mark = tmp_path / "second"
    script = f"if [ -e {mark} ]; then exit 0; else touch {mark}; exit 1; fi"
    location = locate(
        script_asset("a", script, mode="blocking", retry_policy=dg.RetryPolicy(max_retries=1))
    )

    assert location.run("a").success

    names = {each.metadata[keys.JOB_NAME].value for each in location.observations("a")}
    assert len(names) == 2
    assert location.materializations("a")[0].metadata[keys.ATTEMPT].value == 1
    location.tick()
    assert len(location.materializations("a")) == 1


def test_name_in_use_by_something_else_is_one_clear_error(client: SpcsClient, schema: str) -> None:
    """A job's name that somebody else holds is refused, and nothing is started."""
    planned = PlannedJob(
        script_request("true"), POOL, ("a",), None, run_id="r", attempt=0, blocking=False
    )
    place = Place("LAB", schema, "DAGSTER")
    taken = planned.name_in(place)
    client.submit(Submission(script_request("sleep 30"), taken, POOL, "a colleague's"))

    with pytest.raises(JobNameInUse) as caught:
        submit(client, place, [planned], max_concurrent=1, is_retry=False)

    for part in (f"{taken.name} is in use", "Nothing was started", "DROP SERVICE"):
        assert part in str(caught.value)
    assert len(client.list_jobs(database="LAB", schema=schema)) == 1


@pytest.mark.parametrize("mode", ["deferred", "blocking"])
def test_name_is_a_readable_stem(
    locate: Locate, client: SpcsClient, schema: str, mode: str
) -> None:
    """Two runs of one request never choose the same name, and both are recorded."""
    request = script_request("true", name="nightly_scores")
    location = locate(requested_asset("a", request, mode=mode))
    for _ in range(2):
        assert location.run("a").success
        location.tick_until(lambda: not client_in_flight(client, schema))

    names = [job.name.name for job in client.list_jobs(database="LAB", schema=schema)]
    assert len(set(names)) == 2
    assert all(name.startswith("DAGSTER_NIGHTLY_SCORES_") for name in names)
    location.tick_until(lambda: len(location.materializations("a")) == 2)


def client_in_flight(client: SpcsClient, schema: str) -> bool:
    """Whether a job of the test's schema has not ended."""
    jobs = client.list_jobs(database="LAB", schema=schema)
    return any(not job.status.is_final for job in jobs)


def test_overlap_is_seen_whatever_the_jobs_are_called(locate: Locate) -> None:
    """A job under a stem of its own is in flight for its asset like any other."""
    named = locate(requested_asset("a", script_request("sleep 60", name="first")))
    named.run("a")
    location = locate(script_asset("a", "true"))
    location.run("a")
    assert len(location.observations("a")) == 1


def test_refused_statement_does_not_show_the_specification(client: SpcsClient, schema: str) -> None:
    """A specification's environment may hold secrets; an error shows the clauses before it."""
    secret = ServiceSpec(
        containers=[
            Container(name="main", image="/no/such/image:1", env={"PASSWORD": "do-not-tell"})
        ]
    )

    with pytest.raises(ObjectNotFound) as caught:
        client.submit(Submission(JobRequest(spec=secret), JobName("J", schema, "LAB"), POOL))

    assert "EXECUTE JOB SERVICE" in str(caught.value)
    assert "do-not-tell" not in str(caught.value)


def test_partial_failure_tells_what_was_started(client: SpcsClient, schema: str) -> None:
    """When some of several submissions fail, the error names those in flight and undoes none."""
    missing = ServiceSpec(containers=[Container(name="main", image="/no/such/image:1")])
    submissions = [
        Submission(
            JobRequest(spec=missing) if index == 2 else script_request("sleep 30"),
            JobName(f"J{index}", schema, "LAB"),
            POOL,
        )
        for index in range(5)
    ]

    with pytest.raises(SubmissionFailed) as caught:
        client.submit_many(submissions)

    assert sorted(name.name for name in caught.value.started) == ["J0", "J1", "J3", "J4"]
    [(name, error)] = caught.value.failed.items()
    assert name.name == "J2"
    assert isinstance(error, ObjectNotFound)
    assert len(client.list_jobs(database="LAB", schema=schema)) == 4


def failure_text(result: dg.ExecuteInProcessResult) -> str:
    """Return all a run's failure says."""
    [failure] = [event for event in result.all_events if event.is_step_failure]
    error = failure.step_failure_data.error
    parts = []
    while error is not None:
        parts.append(error.message)
        error = error.cause
    described = failure.step_failure_data.user_failure_data
    return "\n".join([*parts, str(described.description if described else "")])


def test_events_and_metrics_of_a_job(client: SpcsClient, schema: str) -> None:
    """What the platform tells of a job, the oldest first."""
    name = JobName("DAGSTER_TOLD", schema, "LAB")
    client.submit(Submission(script_request("true"), name, POOL))
    [job] = client.wait([name], poll_seconds=0.02)
    told = client.events(job)
    service = [each.status for each in told if each.name == "SERVICE.STATUS_CHANGE"]
    assert service == ["PENDING", "RUNNING", "DONE"]
    [done] = [each for each in told if each.container and each.status == "DONE"]
    assert (done.instance_id, done.container, done.severity) == (0, "main", "INFO")
    assert done.message == "Completed successfully"
    assert client.metrics(job) == []


def test_started_job_is_told_beside_one_that_was_refused(locate: Locate) -> None:
    """The page of the asset whose job runs shows it, though the step has failed."""
    missing = ServiceSpec(containers=[Container(name="main", image="/no/such/image:1")])

    @spcs_job_multi_asset(name="both", specs=[dg.AssetSpec("a"), dg.AssetSpec("b")])
    def both() -> dict[str, JobRequest]:
        return {"a": script_request("true"), "b": JobRequest(spec=missing)}

    location = locate(both)
    assert not location.run("a", "b").success
    location.tick_until(lambda: location.materializations("a"))
    [started] = location.observations("a")
    assert started.metadata[keys.STATUS].value == "SUBMITTED"
    assert location.observations("b") == []


def test_started_job_of_a_step_that_was_to_wait_goes_on(locate: Locate) -> None:
    """A submission that failed in part cancels nothing: the sensor records what was started."""
    missing = ServiceSpec(containers=[Container(name="main", image="/no/such/image:1")])

    @spcs_job_multi_asset(
        name="both", specs=[dg.AssetSpec("a"), dg.AssetSpec("b")], mode="blocking"
    )
    def both() -> dict[str, JobRequest]:
        return {"a": script_request("sleep 1"), "b": JobRequest(spec=missing)}

    location = locate(both)
    assert not location.run("a", "b").success
    location.tick_until(lambda: len(ends_of(location, "a")) == 1)
    [end] = ends_of(location, "a")
    assert end.metadata[keys.STATUS].value == "DONE"


def ends_of(location: Location, asset: str) -> list[dg.AssetMaterialization | dg.AssetObservation]:
    """Return the events that tell of ends of an asset's jobs."""
    told = [*location.materializations(asset), *location.observations(asset)]
    return [event for event in told if is_end(event)]


@pytest.mark.parametrize(
    ("request_", "options", "parts"),
    [
        pytest.param(
            JobRequest(
                spec=ServiceSpec(
                    containers=[Container(name="main", image="/lab/public/images/unknown:9")]
                )
            ),
            {},
            ["/lab/public/images/unknown:9", "does not exist", "Check the name"],
            id="unknown-image",
        ),
        pytest.param(
            script_request("true"),
            {"compute_pool": "NO_SUCH_POOL"},
            ["NO_SUCH_POOL", "does not exist", "Check the name"],
            id="missing-pool",
        ),
        pytest.param(
            script_request("true", query_warehouse="NO_SUCH_WAREHOUSE"),
            {},
            ["NO_SUCH_WAREHOUSE", "does not exist"],
            id="missing-warehouse",
        ),
        pytest.param(
            JobRequest(
                spec=ServiceSpec.from_document(
                    {
                        "spec": {
                            "containers": [
                                {
                                    "name": "main",
                                    "image": SHELL,
                                    "resources": {"requests": {"memory": "4000Gi"}},
                                }
                            ]
                        }
                    }
                )
            ),
            {},
            ["exceed a node of family CPU_X64_S"],
            id="no-node-could-hold-it",
        ),
    ],
)
def test_refused_submission_names_thing_reason_and_next_step(
    locate: Locate, request_: JobRequest, options: dict[str, Any], parts: list[str]
) -> None:
    """Each refusal fails the step with one error that says what to do."""

    @spcs_job_asset(**options)
    def a(context: dg.AssetExecutionContext) -> JobRequest:
        return request_

    result = locate(a).run("a")

    text = failure_text(result)
    for part in parts:
        assert part in text


def test_no_compute_pool_says_where_to_name_one(
    locate: Locate, emulator: Emulator, schema: str
) -> None:
    """Without a pool anywhere the step fails before it sends anything."""
    poolless = SpcsJobResource(snowflake=snowflake_resource(emulator, schema))

    result = locate(script_asset("a", "true"), resource=poolless).run("a")

    assert "No compute pool for asset a" in failure_text(result)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"password": "wrong"}, AuthenticationFailed, id="wrong-password"),
        pytest.param({"user": "NOBODY"}, AuthenticationFailed, id="wrong-user"),
        pytest.param(
            {
                "login_timeout": 1,
                "additional_snowflake_connection_args": {
                    "host": "127.0.0.1",
                    "port": 9,
                    "protocol": "http",
                },
            },
            ConnectionFailed,
            id="unreachable",
        ),
    ],
)
def test_login_that_fails_is_told_by_class(
    emulator: Emulator, schema: str, changes: dict[str, Any], error: type[Exception]
) -> None:
    """Wrong credentials and an unreachable account are two things, and both are told."""
    broken = SpcsJobResource(snowflake=snowflake_resource(emulator, schema, **changes))

    session = SnowflakeSession(broken.snowflake.get_connection)
    with SpcsClient(session, sleep=lambda _: None) as impatient, pytest.raises(error):
        impatient.list_jobs(database="LAB", schema=schema)


@pytest.mark.parametrize(
    ("connection", "told"),
    [
        (
            {"host": "127.0.0.1", "port": 9, "protocol": "http"},
            "Tried 127.0.0.1:9. If that is the emulator, is it started?",
        ),
        ({"host": "192.0.2.1.invalid"}, "Tried 192.0.2.1.invalid:443."),
        ({}, r"Tried [a-z]+\.snowflakecomputing\.com:443\."),
    ],
    ids=["emulator", "host", "account"],
)
def test_connection_that_fails_names_host_and_port(
    emulator: Emulator, schema: str, connection: dict[str, Any], told: str
) -> None:
    """What was tried, and what to start; no secret."""
    broken = SpcsJobResource(
        snowflake=snowflake_resource(
            emulator,
            schema,
            account="nowhere",
            login_timeout=1,
            additional_snowflake_connection_args=connection,
        )
    )
    with (
        broken.get_client(retry_timeout_seconds=0) as client,
        pytest.raises(ConnectionFailed, match=told) as caught,
    ):
        client.list_jobs(database="LAB", schema=schema)
    assert emulator.password not in str(caught.value)
    assert ("dagster-spcs emulator" in str(caught.value)) == ("port" in connection)


def test_error_of_a_statement_carries_number_and_query_id(client: SpcsClient, schema: str) -> None:
    """A refused statement arrives with what a user needs to look it up."""
    with pytest.raises(StatementError) as caught:
        client.describe(JobName("NOT_THERE", schema, "LAB"))

    assert caught.value.errno == 2003
    assert caught.value.sqlstate == "02000"
    assert len(caught.value.query_id) == 36
