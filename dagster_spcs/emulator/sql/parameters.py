"""Parameters: what there is, its default, and what a session has set (page "Parameters").

They are kept and shown. The emulator acts on those that ``ACTED_ON`` names; the others are for
clients that ask for them, and change nothing here.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Literal

from dagster_spcs.emulator.sql.answers import SqlError

Type = Literal["BOOLEAN", "NUMBER", "STRING"]
Level = Literal["", "ACCOUNT", "SESSION"]

ACTED_ON = frozenset(
    {"AUTOCOMMIT", "ERROR_ON_NONDETERMINISTIC_MERGE", "EVENT_TABLE", "MULTI_STATEMENT_COUNT"}
    | {"PYTHON_CONNECTOR_QUERY_RESULT_FORMAT", "STATEMENT_TIMEOUT_IN_SECONDS"}
)


@dataclass(frozen=True)
class Parameter:
    """A parameter that an account knows."""

    name: str
    type: Type
    default: str
    of_account: bool = False
    """Whether it can be set for the account only."""

    def read(self, value: Any) -> str:
        """Return a value as SHOW PARAMETERS shows it.

        Raises:
            SqlError: 1008 if it is of another type.
        """
        text = str(value)
        if self.type == "BOOLEAN":
            text = text.lower()
            is_right = text in ("true", "false")
        else:
            is_right = self.type == "STRING" or text.lstrip("-").isdigit()
        if not is_right:
            raise SqlError(
                1008,
                "22023",
                f"SQL compilation error:\ninvalid value [{text}] for parameter '{self.name}'",
            )
        return text


def _catalogue(type_of_all: Type, **defaults: str) -> Iterator[Parameter]:
    for name, default in defaults.items():
        yield Parameter(name, type_of_all, default)


PARAMETERS: Mapping[str, Parameter] = {
    parameter.name: parameter
    for parameter in (
        *_catalogue(
            "BOOLEAN",
            ABORT_DETACHED_QUERY="false",
            AUTOCOMMIT="true",
            CLIENT_METADATA_REQUEST_USE_CONNECTION_CTX="false",
            CLIENT_RESULT_COLUMN_CASE_INSENSITIVE="false",
            CLIENT_SESSION_KEEP_ALIVE="false",
            CLIENT_TELEMETRY_ENABLED="false",
            ENABLE_UNLOAD_PHYSICAL_TYPE_OPTIMIZATION="true",
            ERROR_ON_NONDETERMINISTIC_MERGE="true",
            ERROR_ON_NONDETERMINISTIC_UPDATE="false",
            JDBC_TREAT_DECIMAL_AS_INT="true",
            NOORDER_SEQUENCE_AS_DEFAULT="true",
            ODBC_TREAT_DECIMAL_AS_INT="false",
            QUOTED_IDENTIFIERS_IGNORE_CASE="false",
            STRICT_JSON_OUTPUT="false",
            TIMESTAMP_DAY_IS_ALWAYS_24H="false",
            TRANSACTION_ABORT_ON_ERROR="false",
            USE_CACHED_RESULT="true",
        ),
        *_catalogue(
            "NUMBER",
            CLIENT_MEMORY_LIMIT="1536",
            CLIENT_PREFETCH_THREADS="4",
            CLIENT_RESULT_CHUNK_SIZE="160",
            CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY="3600",
            CLIENT_STAGE_ARRAY_BINDING_THRESHOLD="0",
            JSON_INDENT="2",
            LOCK_TIMEOUT="43200",
            MULTI_STATEMENT_COUNT="1",
            ROWS_PER_RESULTSET="0",
            STATEMENT_QUEUED_TIMEOUT_IN_SECONDS="0",
            STATEMENT_TIMEOUT_IN_SECONDS="172800",
            TWO_DIGIT_CENTURY_START="1970",
            WEEK_OF_YEAR_POLICY="0",
            WEEK_START="0",
        ),
        *_catalogue(
            "STRING",
            BINARY_INPUT_FORMAT="HEX",
            BINARY_OUTPUT_FORMAT="HEX",
            CLIENT_TIMESTAMP_TYPE_MAPPING="TIMESTAMP_LTZ",
            DATE_INPUT_FORMAT="AUTO",
            DATE_OUTPUT_FORMAT="YYYY-MM-DD",
            GEOGRAPHY_OUTPUT_FORMAT="GeoJSON",
            LOG_LEVEL="OFF",
            METRIC_LEVEL="NONE",
            PYTHON_CONNECTOR_QUERY_RESULT_FORMAT="ARROW",
            QUERY_TAG="",
            SEARCH_PATH="$current, $public, ",
            SIMULATED_DATA_SHARING_CONSUMER="",
            TIMESTAMP_INPUT_FORMAT="AUTO",
            TIMESTAMP_LTZ_OUTPUT_FORMAT="",
            TIMESTAMP_NTZ_OUTPUT_FORMAT="YYYY-MM-DD HH24:MI:SS.FF3",
            TIMESTAMP_OUTPUT_FORMAT="YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM",
            TIMESTAMP_TYPE_MAPPING="TIMESTAMP_NTZ",
            TIMESTAMP_TZ_OUTPUT_FORMAT="",
            TIMEZONE="Etc/UTC",
            TIME_INPUT_FORMAT="AUTO",
            TIME_OUTPUT_FORMAT="HH24:MI:SS",
            TRACE_LEVEL="OFF",
            TRANSACTION_DEFAULT_ISOLATION_LEVEL="READ COMMITTED",
            UNSUPPORTED_DDL_ACTION="ignore",
        ),
        Parameter("DATA_RETENTION_TIME_IN_DAYS", "NUMBER", "1", of_account=True),
        Parameter("EVENT_TABLE", "STRING", "snowflake.telemetry.events", of_account=True),
        Parameter("LOG_EVENT_LEVEL", "STRING", "OFF", of_account=True),
    )
}


def known(name: str) -> Parameter:
    """Return a parameter.

    Raises:
        SqlError: 1420 if there is none of that name.
    """
    parameter = PARAMETERS.get(name.upper())
    if parameter is None:
        raise SqlError(
            1420,
            "22023",
            f"SQL compilation error:\ninvalid property '{name.upper()}' for 'SESSION'",
        )
    return parameter


class Parameters:
    """The parameters of one session.

    Args:
        of_account: what is set for the account, shared by all sessions.
    """

    def __init__(self, of_account: MutableMapping[str, str]) -> None:
        self._of_account = of_account
        self._own: dict[str, str] = {}

    def get(self, name: str) -> str:
        """Return what holds for the session."""
        default = PARAMETERS[name].default
        return self._own.get(name, self._of_account.get(name, default))

    def level(self, name: str) -> Level:
        """Return where the value was set; empty for a default."""
        if name in self._own:
            return "SESSION"
        return "ACCOUNT" if name in self._of_account else ""

    def account_default(self, name: str) -> str:
        """Return what the session would have without setting it."""
        return self._of_account.get(name, PARAMETERS[name].default)

    def set(self, name: str, value: Any) -> None:
        """Set a parameter of the session; refused as ``known`` and ``read`` say."""
        parameter = known(name)
        self._own[parameter.name] = parameter.read(value)

    def unset(self, name: str) -> None:
        """Go back to what holds for the account."""
        self._own.pop(known(name).name, None)

    def set_known(self, values: Mapping[str, Any]) -> None:
        """Take what a client gave at its login; what no account knows is left out."""
        for name, value in values.items():
            if name.upper() in PARAMETERS:
                self.set(name, value)

    def on_the_wire(self) -> list[dict[str, Any]]:
        """Return all as the answer to a login has them, each of its type."""
        return [
            {"name": name, "value": _typed(parameter, self.get(name))}
            for name, parameter in PARAMETERS.items()
            if not parameter.of_account
        ]


def _typed(parameter: Parameter, value: str) -> Any:
    if parameter.type == "BOOLEAN":
        return value == "true"
    return int(value) if parameter.type == "NUMBER" else value
