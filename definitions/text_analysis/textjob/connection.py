"""The documented way into Snowflake: host and account from the environment, token from a file.

Nothing here knows of passwords or other accounts. The platform rewrites the token every few
minutes and a connection that is open stays valid, so the file is read once for each connection.
"""

import os
from pathlib import Path
from typing import Any

import snowflake.connector

from textjob.errors import JobError

TOKEN_FILE = Path("/snowflake/session/token")


def _from_platform(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise JobError(
            f"{variable} is not set: Snowflake sets it in every container it starts;"
            " run this image as a job service"
        )
    return value


def connect() -> snowflake.connector.SnowflakeConnection:
    """Open a connection as the service's own user.

    Raises:
        JobError: This is no container of Snowflake's, or the login failed.
    """
    settings: dict[str, Any] = {
        "host": _from_platform("SNOWFLAKE_HOST"),
        "account": _from_platform("SNOWFLAKE_ACCOUNT"),
        "authenticator": "oauth",
        # qmark: values travel beside the statement, not inside it.
        "paramstyle": "qmark",
    }
    for setting in ("database", "schema", "warehouse"):
        # The warehouse is set by whoever wrote the specification; without it the session has the
        # QUERY_WAREHOUSE of the job.
        if value := os.environ.get(f"SNOWFLAKE_{setting.upper()}"):
            settings[setting] = value
    try:
        settings["token"] = TOKEN_FILE.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise JobError(
            f"the session token {TOKEN_FILE} cannot be read ({error.strerror}): Snowflake writes it"
            " into every container it starts; run this image as a job service"
        ) from error
    try:
        return snowflake.connector.connect(**settings)
    except snowflake.connector.Error as error:
        raise JobError(
            f"no connection to {settings['host']}: {error.msg}; check the job's network rules and"
            " that its owner role still exists"
        ) from error
