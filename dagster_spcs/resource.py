"""``SpcsJobResource``: configuration in, client out."""

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import dagster as dg
from pydantic import Field, PrivateAttr, field_validator, model_validator

from dagster_spcs.errors import InvalidName, ObjectNotFound, SpcsError
from dagster_spcs.jobs.gather import MetadataSource
from dagster_spcs.jobs.submission import Place
from dagster_spcs.spcs.client import RETRY_TIMEOUT_SECONDS, SpcsClient
from dagster_spcs.spcs.names import JobName, choose_job_name, split_name

NETWORK_TIMEOUT_SECONDS = 20
"""How long the connector repeats a request that is not answered, unless told otherwise."""


@dataclass(eq=False)
class WaitedFor:
    """The jobs that a step waits for."""

    unfinished: set[JobName]
    """Loses those that have ended."""
    leave_to_others: Callable[[set[JobName]], None] = field(default=lambda _: None)
    """Takes away those that another run waits for by now."""


class SpcsJobResource(dg.ConfigurableResource[Any]):
    """Runs job services on Snowpark Container Services.

    Example:
        .. code-block:: python

            SpcsJobResource(
                snowflake=SnowflakeResource(account=EnvVar("SNOWFLAKE_ACCOUNT"), ...),
                compute_pool="CPU_S",
            )
    """

    # Any resource with get_connection() will do; naming dagster_snowflake's class here would load
    # dagster_snowflake, four times the cost of Dagster itself, wherever this module is imported.
    snowflake: dg.ResourceDependency[dg.ConfigurableResource[Any]] = Field(
        description="The `SnowflakeResource` whose connections are used.",
    )
    compute_pool: str | None = Field(
        default=None, description="Compute pool of jobs that name none themselves."
    )
    database: str | None = Field(
        default=None,
        description="Database of the jobs. Default: the Snowflake resource's.",
    )
    schema_: str | None = Field(
        default=None,
        alias="schema",
        description="Schema of the jobs. Default: the Snowflake resource's.",
    )
    job_name_prefix: str = Field(
        default="DAGSTER",
        description=(
            "Beginning of every job's name. The polling sensor lists what begins so: give each"
            " deployment that shares a schema its own."
        ),
    )
    query_warehouse: str | None = Field(
        default=None,
        description="Warehouse of SQL that containers issue, for jobs that name none themselves.",
    )
    poll_seconds: float = Field(
        default=5.0, gt=0, description="Seconds between two looks at jobs a run waits for."
    )
    max_concurrent_submissions: int = Field(
        default=32, ge=1, description="Statements in flight when several jobs are submitted."
    )
    max_in_flight: int | None = Field(
        default=None,
        ge=1,
        description=(
            "Jobs of this deployment that may be at work at once. A step that would start more"
            " waits for room."
        ),
    )
    retry_timeout_seconds: float = Field(
        default=3600.0,
        ge=0,
        description=(
            "How long a run that waits for jobs retries a statement while the account cannot be"
            " reached. The jobs go on meanwhile."
        ),
    )
    log_lines: int = Field(
        default=100, ge=0, le=1000, description="Last log lines shown on an event."
    )
    pipes_stage: str | None = Field(
        default=None,
        description=(
            "Directory of an internal stage (`@db.schema.stage/path`) for what containers are told"
            " through Pipes when it is too large for their environment."
        ),
    )
    metadata: Literal["warehouse", "no-warehouse"] = Field(
        default="warehouse",
        description=(
            "Where history and logs of finished jobs are read from: table functions, which need a"
            " warehouse, or commands that need none."
        ),
    )

    @model_validator(mode="before")
    @classmethod
    def _known(cls, values: Any) -> Any:
        """Refuse a misspelt option, which Dagster would ignore."""
        if isinstance(values, dict):
            fields = cls.model_fields
            known = {*fields, *(each.alias for each in fields.values() if each.alias)}
            for name in values.keys() - known:
                close = difflib.get_close_matches(str(name), known, 1)
                hint = f"; did you mean {close[0]}?" if close else ""
                raise ValueError(f"SpcsJobResource has no option {name!r}{hint}")
        return values

    @field_validator("compute_pool", "database", "schema_", "query_warehouse")
    @classmethod
    def _name(cls, value: str | None) -> str | None:
        # The value of an environment variable is known only in a run; it comes here then.
        if value is not None and not isinstance(value, dg.EnvVar):
            _single(value)
        return value

    @field_validator("job_name_prefix")
    @classmethod
    def _prefix(cls, value: str) -> str:
        if not isinstance(value, dg.EnvVar):
            JobName(choose_job_name(_single(value).strip("_"), "", []))
        return value

    @field_validator("pipes_stage")
    @classmethod
    def _stage(cls, value: str | None) -> str | None:
        if value is not None and not isinstance(value, dg.EnvVar) and not value.startswith("@"):
            raise ValueError(f"write @database.schema.stage/path, not {value!r}")
        return value

    _waited_for: list[WaitedFor] = PrivateAttr(default_factory=list)

    @property
    def waited_for(self) -> list[WaitedFor]:
        """The jobs of each step that waits now."""
        return self._waited_for

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Cancel the jobs of a step that was to wait for them and was not brought to its end."""
        assert context.log is not None, "a resource is torn down in a run"
        for waited in list(self._waited_for):  # a step that is closed meanwhile leaves the list
            self.cancel_unfinished(waited, context.log, "was terminated")

    def cancel_unfinished(self, waited: WaitedFor, log: dg.DagsterLogManager, why: str) -> None:
        """Cancel what a run leaves, and tell of jobs that go on; nothing is unfinished after that.

        With a client of its own: the one of the step may be waiting for an account that cannot be
        reached.
        """
        if waited.unfinished:
            try:
                waited.leave_to_others(waited.unfinished)
            except Exception as reason:  # the event log cannot be read
                log.warning(f"Whether another run waits for the jobs is not known: {reason}")
        left = sorted(waited.unfinished)
        waited.unfinished.clear()
        if not left:
            return
        log.info(f"The run {why}: its unfinished jobs are cancelled.")
        with self.get_client() as client:
            refused = client.cancel_many(left, max_concurrent=self.max_concurrent_submissions)
        for name, error in refused.items():
            if not isinstance(error, ObjectNotFound):  # it was not submitted yet
                log.error(f"{name} could not be cancelled and goes on: {error}")

    def place(self) -> Place:
        """Return where the jobs live and how their names begin, in stored form.

        Raises:
            InvalidName: if neither this resource nor its Snowflake resource names database and
                schema, or if no job's name can begin with the prefix.
        """
        database = self.database or getattr(self.snowflake, "database", None)
        schema = self.schema_ or getattr(self.snowflake, "schema_", None)
        if not database or not schema:
            missing = " and ".join(
                f"`{name}`"
                for name, value in (("database", database), ("schema", schema))
                if not value
            )
            raise InvalidName(
                ".".join(each for each in (database, schema) if each),
                f"jobs live in a schema: set {missing} of SpcsJobResource or of its"
                " SnowflakeResource",
            )
        prefix = _single(self.job_name_prefix).strip("_")
        JobName(choose_job_name(prefix, "", []))  # refuses what no job's name can begin with
        return Place(_single(database), _single(schema), prefix)

    def account(self) -> str | None:
        """Return the account's name where the Snowflake resource tells it."""
        account = getattr(self.snowflake, "account", None)
        return account if isinstance(account, str) else None

    def notes_on_set_up(self) -> Iterator[str]:
        """Yield what is to be changed in the Snowflake resource."""
        if not getattr(self.snowflake, "autocommit", True):
            yield (
                "The SnowflakeResource has autocommit off: dagster-snowflake sends a COMMIT at the"
                " end of each connection, so of each tick, and what an asset of your own wrote is"
                " rolled back when it fails. Write autocommit=True."
            )

    def metadata_source(self) -> MetadataSource:
        """Return where history and logs of finished jobs are read from."""
        return "warehouse" if self.metadata == "warehouse" else "no-warehouse"

    def get_client(
        self,
        *,
        retry_timeout_seconds: float = RETRY_TIMEOUT_SECONDS,
        on_retry: Callable[[SpcsError], None] = lambda _: None,
    ) -> SpcsClient:
        """Return a client; use it in ``with``, or close it.

        Its connection is opened at the first statement. A statement is tried again for
        ``retry_timeout_seconds`` while the account cannot be reached, and ``on_retry`` is told why.
        """
        # Imported here because the connector is costly and most processes never connect.
        from dagster_spcs.spcs.session import SnowflakeSession

        if not hasattr(self.snowflake, "get_connection"):
            raise TypeError(
                f"SpcsJobResource.snowflake is a {type(self.snowflake).__name__}, which has no"
                " get_connection(); give it a dagster_snowflake.SnowflakeResource"
            )
        return SpcsClient(
            SnowflakeSession(
                _with_timeout(self.snowflake).get_connection, target=_target(self.snowflake)
            ),
            retry_timeout_seconds=retry_timeout_seconds,
            on_retry=on_retry,
        )


def bound_resource(resources: Any, resource_key: str) -> SpcsJobResource:
    """Return the ``SpcsJobResource`` that a code location binds under a key.

    Args:
        resources: those of a context.
        resource_key: the key.

    Raises:
        dagster.DagsterInvariantViolationError: if something else is bound there.
    """
    found = getattr(resources, resource_key)
    if not isinstance(found, SpcsJobResource):
        kind = type(found).__name__
        raise dg.DagsterInvariantViolationError(
            f"the resource {resource_key!r} is a {kind}, not a SpcsJobResource. Write"
            f' resources={{"{resource_key}": SpcsJobResource(snowflake=…)}}, with the Snowflake'
            " connection in it."
        )
    return found


def _target(snowflake: Any) -> str | None:
    """Return host and port that a Snowflake resource connects to, as far as it tells."""
    given = getattr(snowflake, "additional_snowflake_connection_args", None)
    extra = given if isinstance(given, dict) else {}
    account = getattr(snowflake, "account", None)
    host = extra.get("host") or (account and f"{account}.snowflakecomputing.com")
    return f"{host}:{extra.get('port', 443)}" if host else None


def _with_timeout(snowflake: Any) -> Any:
    """Return the Snowflake resource, giving up a statement that the account does not answer.

    Without a ``network_timeout`` the connector repeats a request for ever, and who waits for it
    never learns of an outage. It can only be given when connecting, so it stands in a second
    resource, which has all that ``setup_for_execution`` of a class of the user's own has set.
    Another kind of resource, and one that has its own timeout, is returned as it is.
    """
    fields = type(snowflake).model_fields
    if "network_timeout" not in fields or snowflake.network_timeout is not None:
        return snowflake
    values = {field.alias or name: getattr(snowflake, name) for name, field in fields.items()}
    made = type(snowflake)(**{**values, "network_timeout": NETWORK_TIMEOUT_SECONDS})
    for name, value in (snowflake.__pydantic_private__ or {}).items():
        if name not in dg.ConfigurableResource.__private_attributes__:
            setattr(made, name, value)
    return made


def _single(name: str) -> str:
    parts = split_name(name)
    if len(parts) != 1:
        raise InvalidName(name, "expected one name without dots")
    return parts[0]
