"""Who may log in, and the session they get: by password, by key pair, by a container's token."""

import hmac
import time
from typing import Any

import jwt
from starlette.datastructures import QueryParams

from dagster_spcs.emulator.account.account import Account
from dagster_spcs.emulator.sql.parameters import Parameters
from dagster_spcs.emulator.sql.sessions import SERVER_VERSION, Session
from dagster_spcs.emulator.sql.tables import Tables
from dagster_spcs.emulator.wire.requests import Refused

_WITHOUT_TIMES: Any = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
_LATEST_SECONDS = 1e11
"""A time above this is in milliseconds: in seconds it would be after the year 5000."""
_LEEWAY_SECONDS = 60.0
_OWNER = "ACCOUNTADMIN"
_READS_JSON = ("JavaScript",)
"""Clients by the name they log in with, that are sent rows as JSON."""


class Logins:
    """Opens sessions for those who prove who they are.

    Args:
        account: whose users log in.
        tables: where their sessions stand.
        password: the only one.
    """

    def __init__(self, account: Account, tables: Tables, password: str) -> None:
        self._account = account
        self._tables = tables
        self._password = password

    def open(self, data: dict[str, Any], asked: QueryParams) -> Session:
        """Open a session.

        Args:
            data: the login's own, ``data`` in its body.
            asked: database, schema, warehouse and role in its address.

        Raises:
            Refused: as the account refuses a login.
        """
        user, role, warehouse = self._who(data)
        asked_warehouse = _stored(asked.get("warehouse"))
        if asked_warehouse in self._account.warehouses:
            warehouse = asked_warehouse
        asked_role = _stored(asked.get("roleName"))
        if asked_role is not None:
            if asked_role not in self._account.roles:
                raise Refused(
                    "390189",
                    f"Role '{asked_role}' specified in the connect string"
                    " is not granted to this user.",
                )
            role = asked_role
        parameters = Parameters(self._account.parameters)
        parameters.set_known(data.get("SESSION_PARAMETERS") or {})
        database, schema = _stored(asked.get("databaseName")), _stored(asked.get("schemaName"))
        autocommit = parameters.get("AUTOCOMMIT") == "true"
        connection = self._tables.connect(database, schema, autocommit=autocommit)
        if connection.database_set and schema is None:
            connection.close()
            connection = self._tables.connect(database, "PUBLIC", autocommit=autocommit)
        client = str(data.get("CLIENT_APP_ID") or "")
        return Session(
            connection,
            user,
            role,
            warehouse,
            parameters,
            # Connector 5 is told, whatever program uses it, by how its core names the runtime.
            takes_endpoint="RUNTIME_NAME" in (data.get("CLIENT_ENVIRONMENT") or {}),
            client=f"{client} {data.get('CLIENT_APP_VERSION') or ''}".strip(),
            takes_arrow=client not in _READS_JSON,
        )

    def _who(self, data: dict[str, Any]) -> tuple[str, str, str | None]:
        """Return user, role and warehouse of who has proved to be allowed in."""
        given = {key: str(data.get(key) or "") for key in ("LOGIN_NAME", "TOKEN", "PASSWORD")}
        match str(data.get("AUTHENTICATOR") or "SNOWFLAKE").upper():
            case "OAUTH":
                job_name = self._account.tokens.get(given["TOKEN"])
                job = None if job_name is None else self._account.jobs.get(job_name)
                if job is None:
                    raise Refused("390303", "Invalid OAuth access token.")
                return job.short_name, job.owner, job.query_warehouse
            case "SNOWFLAKE_JWT":
                if not self._has_key(given["LOGIN_NAME"], given["TOKEN"]):
                    raise Refused("390144", "JWT token is invalid.")
            case _:
                known = hmac.compare_digest(given["PASSWORD"].encode(), self._password.encode())
                if not known or not self._is_user(given["LOGIN_NAME"]):
                    raise Refused("390100", "Incorrect username or password was specified.")
        return given["LOGIN_NAME"], _OWNER, None

    def _has_key(self, name: str, token: str) -> bool:
        """Whether a token was signed with a private key of the user's, a short while ago."""
        if not self._is_user(name):
            return False
        for key in self._account.public_keys.values():
            try:
                # Times are looked at below: the Node.js driver gives them in milliseconds.
                claims = jwt.decode(token, key, algorithms=["RS256"], options=_WITHOUT_TIMES)
            except jwt.InvalidTokenError:
                continue
            is_own = self._is_user(str(claims.get("sub", "")).rpartition(".")[2])
            return is_own and _is_valid_now(claims)
        return False

    def _is_user(self, name: str) -> bool:
        return name.upper() == self._account.settings.user.upper()


def _is_valid_now(claims: dict[str, Any]) -> bool:
    try:
        begins, ends = (float(claims[name]) for name in ("iat", "exp"))
    except (KeyError, TypeError, ValueError):
        return False
    scale = 1000 if ends > _LATEST_SECONDS else 1
    now = time.time()
    return begins / scale - _LEEWAY_SECONDS <= now <= ends / scale + _LEEWAY_SECONDS


def login_data(session: Session) -> dict[str, Any]:
    """Return what a client is told of its new session."""
    connection = session.connection
    return {
        "token": session.token,
        "masterToken": session.master_token,
        "validityInSeconds": 3600,
        "masterValidityInSeconds": 14400,
        "sessionId": session.id,
        "serverVersion": SERVER_VERSION,
        "parameters": session.parameters.on_the_wire(),
        "sessionInfo": {
            "databaseName": connection.database,
            "schemaName": connection.schema if connection.schema_set else None,
            "warehouseName": session.warehouse,
            "roleName": session.role,
        },
    }


def _stored(name: str | None) -> str | None:
    if not name:
        return None
    if name.startswith('"') and name.endswith('"') and len(name) > 1:
        return name[1:-1].replace('""', '"')
    return name.upper()
