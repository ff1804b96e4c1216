"""Who may do what: login, tokens, routes, files."""

import http.client
import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector
from snowflake.connector.errors import DatabaseError

from dagster_spcs.emulator import CONNECTION_NAME, CannotListen, Emulator, Faults
from dagster_spcs.emulator.wire.routes import Wire
from tests.support.emulators import Lab, connect, new_emulator, open_lab, until


class Client:
    """Plain HTTP, without a Snowflake client's good manners."""

    def __init__(self, emulator: Emulator) -> None:
        self._address = (emulator.host, emulator.port)

    def send(
        self, method: str, path: str, body: Any = None, token: str | None = None
    ) -> tuple[int, bytes]:
        """Send a request and return status and body."""
        connection = http.client.HTTPConnection(*self._address)
        headers = {} if token is None else {"Authorization": f'Snowflake Token="{token}"'}
        payload = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        connection.request(method, path, payload, headers)
        response = connection.getresponse()
        answer = response.status, response.read()
        connection.close()
        return answer

    def login(self, **data: Any) -> dict[str, Any]:
        """Try to log in."""
        _, body = self.send("POST", "/session/v1/login-request", {"data": data})
        return json.loads(body)


@pytest.fixture
def client(emulator: Emulator) -> Client:
    """A client of the shared emulator."""
    return Client(emulator)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"password": "wrong"}, id="wrong-password"),
        pytest.param({"user": "SOMEBODY"}, id="wrong-user"),
        pytest.param({"authenticator": "oauth", "token": "made-up"}, id="made-up-token"),
        pytest.param({"authenticator": "oauth", "token": "-", "password": ""}, id="no-token"),
    ],
)
def test_login_is_refused(emulator: Emulator, wrong: dict[str, Any]) -> None:
    """Only the user with the password, or a container with its token, comes in."""
    with pytest.raises(DatabaseError):
        connect(emulator, **wrong)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param({"LOGIN_NAME": "SPCS"}, "390100", id="no-password"),
        pytest.param({"LOGIN_NAME": "SPCS", "PASSWORD": None}, "390100", id="null-password"),
        pytest.param({"LOGIN_NAME": "SPCS", "PASSWORD": ""}, "390100", id="empty-password"),
        pytest.param({"PASSWORD": ""}, "390100", id="no-user"),
        pytest.param({}, "390100", id="nothing"),
        pytest.param({"AUTHENTICATOR": "OAUTH"}, "390303", id="no-token"),
        pytest.param({"AUTHENTICATOR": "OAUTH", "TOKEN": ""}, "390303", id="empty-token"),
        pytest.param(
            {"AUTHENTICATOR": "EXTERNALBROWSER", "LOGIN_NAME": "SPCS"}, "390100", id="browser"
        ),
    ],
)
def test_login_without_credentials(client: Client, data: dict[str, Any], code: str) -> None:
    """What is missing counts as wrong."""
    answer = client.login(**data)
    assert (answer["success"], answer["code"], answer["data"]) == (False, code, None)


def test_passwords_differ_by_emulator(tmp_path: Path) -> None:
    """A password is made at random for each emulator, and of some length."""
    one, other = new_emulator(tmp_path / "1"), new_emulator(tmp_path / "2")
    assert one.password != other.password
    assert len(one.password) >= 24


TOKEN = "${SPCS_EMULATOR_SESSION_TOKEN:-/snowflake/session/token}"
"""For a shell: where the token is, also without a view of the file system of its own."""


def routes() -> Iterator[Any]:
    """Return every route but login and the addresses that PUT and GET give out."""
    app = Wire.__new__(Wire)
    Wire.__init__(app, None, None, None, "", Faults())  # type: ignore[arg-type]
    for route in app.app.routes:
        if route.path != "/session/v1/login-request" and "{key}" not in route.path:
            for method in sorted(route.methods - {"HEAD"}):
                yield pytest.param(method, route.path.replace("{query_id}", "q"), id=route.path)


@pytest.mark.parametrize("token", [None, "", "made-up"], ids=["none", "empty", "made-up"])
@pytest.mark.parametrize(("method", "path"), list(routes()))
def test_every_route_asks_for_a_token(
    client: Client, method: str, path: str, token: str | None
) -> None:
    """Without the token of a session no route does anything."""
    status, body = client.send(method, path, {"sqlText": "SELECT 1", "requestId": "r"}, token)
    answer = json.loads(body)
    if path.startswith("/api/"):
        assert (status, answer["error_code"]) == (401, answer["code"])
    else:
        assert (status, answer["success"], answer["data"]) == (200, False, None)
    assert answer["code"] in ("390103", "390104", "390114")


def test_an_unknown_route(client: Client) -> None:
    """Nothing else is served."""
    assert client.send("GET", "/")[0] == 404
    assert client.send("GET", "/docs")[0] == 404


def test_a_closed_session_is_over(emulator: Emulator, client: Client) -> None:
    """The token of a session that was closed is refused."""
    connection = connect(emulator)
    token = connection.rest.token
    connection.close()
    _, body = client.send("POST", "/queries/v1/query-request", {"sqlText": "SELECT 1"}, token)
    assert json.loads(body)["code"] == "390104"


def test_a_containers_token_ends_with_it(emulator: Emulator, lab: Lab, tmp_path: Path) -> None:
    """A container's token logs in while the container runs, and never again."""
    gate = tmp_path / "gate"
    name = lab.submit(f'cat "{TOKEN}"; echo; until [ -e {gate} ]; do sleep 0.01; done')
    lab.wait(name, "RUNNING")
    token = until(lambda: lab.log(name)[0])
    by_token = {"user": None, "password": None, "authenticator": "oauth", "token": token}
    with connect(emulator, **by_token) as connection:
        (user,) = connection.cursor().execute("SELECT CURRENT_USER()").fetchone()
        assert user == name
        gate.touch()
        lab.wait(name)
        with pytest.raises(DatabaseError):
            connect(emulator, **by_token)
        assert connection.cursor().execute("SELECT 1").fetchone() == (1,)


def test_a_tokens_file(lab: Lab) -> None:
    """Only its owner can read a container's token, and it is gone with the container."""
    name = lab.run(f'ls -l "{TOKEN}"; echo ~')
    listed, home = lab.log(name)
    assert listed.startswith("-rw------- ")
    until(lambda: not Path(home).parent.exists())


def test_no_token_when_the_job_wants_none(lab: Lab) -> None:
    """``mountSessionToken: false`` mounts no token."""
    name = lab.run("ls -A ~; ls /snowflake || echo none", mountSessionToken=False)
    assert lab.log(name)[-1] == "none"
    assert len(lab.log(name)) == 2  # and the complaint of ls


def test_a_files_address(emulator: Emulator, client: Client, lab: Lab, tmp_path: Path) -> None:
    """Only PUT and GET give out where files are; it opens one folder, for one of the two."""
    lab.rows("CREATE STAGE IF NOT EXISTS GIVEN")
    (tmp_path / "a.txt").write_text("first")

    def granted(statement: str) -> str:
        token = lab.connection.rest.token
        _, answer = client.send("POST", "/queries/v1/query-request", {"sqlText": statement}, token)
        return f"/{json.loads(answer)['data']['stageInfo']['location']}"

    upload = granted(f"PUT file://{tmp_path}/a.txt @GIVEN/in")
    assert client.send("PUT", f"{upload}a.txt", b"first")[0] == 200
    download = granted(f"GET @GIVEN/in file://{tmp_path}/")
    assert client.send("GET", f"{download}in/a.txt") == (200, b"first")
    refused = [
        ("PUT", f"{upload}../../../x"), ("PUT", f"{download}in/a.txt"), ("GET", f"{upload}a.txt"),
        ("PUT", "/stage_files/made-up/a.txt"), ("GET", f"{download}../../account.sqlite"),
    ]  # fmt: skip
    assert [client.send(method, each, b"no")[0] for method, each in refused] == [403] * len(refused)
    (row,) = lab.rows("LIST @GIVEN")
    assert (row["name"], row["size"]) == ("given/in/a.txt", len(b"first"))


def test_loopback_by_default(tmp_path: Path) -> None:
    """An emulator told nothing listens on loopback only, and on a free port."""
    with new_emulator(tmp_path) as emulator:
        assert emulator.host == "127.0.0.1"
        assert emulator.port > 0
        with socket.create_connection(("127.0.0.1", emulator.port)):
            pass
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.2", emulator.port))


def test_a_taken_port(tmp_path: Path, emulator: Emulator) -> None:
    """A port that is taken is named in the error."""
    with pytest.raises(CannotListen, match=f"127.0.0.1:{emulator.port}"):
        new_emulator(tmp_path, port=emulator.port).start()


@pytest.mark.parametrize("existing", [None, 0o644], ids=["new", "readable-by-all-before"])
def test_the_connections_file(emulator: Emulator, tmp_path: Path, existing: int | None) -> None:
    """The file with the password is its owner's alone, and any client can use it."""
    path = tmp_path / "config" / "connections.toml"
    if existing is not None:
        path.parent.mkdir()
        path.touch(existing)
    emulator.write_connections_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with snowflake.connector.connect(
        connection_name=CONNECTION_NAME, connections_file_path=path
    ) as connection:
        assert connection.cursor().execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("place", [":isolated:", "folder"])
def test_a_client_cannot_choose_where_data_is(
    emulator: Emulator, lab: Lab, tmp_path: Path, place: str
) -> None:
    """Fakesnow's FAKESNOW_DB_PATH, by which a client picks files on the server, has no effect."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    chosen = place if place.startswith(":") else str(folder)
    lab.rows("CREATE OR REPLACE TABLE SEEN_BY_ALL AS SELECT 1 AS ONE")
    parameters = {"FAKESNOW_DB_PATH": chosen, "nop_regexes": [".*"]}
    with open_lab(emulator, session_parameters=parameters) as connection:
        cursor = connection.cursor()
        assert cursor.execute("SELECT ONE FROM SEEN_BY_ALL").fetchone() == (1,)
        cursor.execute("CREATE DATABASE IF NOT EXISTS CHOSEN")
    assert list(folder.iterdir()) == []


def test_logging_in_does_not_create(emulator: Emulator) -> None:
    """Naming a database that does not exist creates nothing; the session stands nowhere."""
    with connect(emulator, database="NO_SUCH", schema="NO_SUCH") as connection:
        with pytest.raises(DatabaseError, match=r"does not have a current database|NO_SUCH"):
            connection.cursor().execute("DESCRIBE SERVICE X")
        names = [row["name"] for row in Lab(connection).rows("SHOW DATABASES")]
    assert "NO_SUCH" not in names


def test_a_query_id_opens_nothing(client: Client, lab: Lab) -> None:
    """A result is given to a session, not to whoever knows its id."""
    cursor = lab.connection.cursor()
    cursor.execute("SELECT 1")
    _, body = client.send("GET", f"/queries/{cursor.sfqid}/result")
    assert json.loads(body)["code"] == "390103"
