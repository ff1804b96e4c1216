"""Secrets in containers, and where the session's token is put."""

from pathlib import Path

import pytest
from snowflake.connector import ProgrammingError

from dagster_spcs.emulator import Emulator
from tests.support.emulators import (
    Lab,
    container,
    execute_job,
    new_emulator,
    new_name,
    open_lab,
    spec_of,
)


@pytest.fixture
def login(lab: Lab) -> str:
    """A secret with user name and password."""
    name = new_name("LOGIN")
    lab.rows(
        f"CREATE SECRET {name} TYPE = PASSWORD USERNAME = 'ada' PASSWORD = 'it''s \\\\ secret'"
    )
    return name


def test_as_variables_and_files(lab: Lab, login: str) -> None:
    """For any program, under the names that the page gives the keys."""
    text = new_name("TEXT")
    lab.rows(f"CREATE SECRET {text} TYPE = GENERIC_STRING SECRET_STRING = 'öffne dich'")
    secrets = [
        {"snowflakeSecret": login, "secretKeyRef": "password", "envVarName": "PASSWORD"},
        {"snowflakeSecret": {"objectName": f"LAB.PUBLIC.{text}"}, "directoryPath": "/opt/secret"},
        {"snowflakeSecret": login, "directoryPath": "/opt/login"},
    ]
    script = (
        'echo "$PASSWORD"; cat /opt/secret/secret_string; echo;'
        " cat /opt/login/username; echo; ls /opt/login"
    )
    name = lab.submit(script, secrets=secrets)
    lab.wait(name)
    assert lab.log(name) == ["it's \\ secret", "öffne dich", "ada", "password", "username"]
    assert "it's" not in str(lab.describe(name))


def test_values_are_shown_to_nobody(emulator: Emulator, lab: Lab, login: str) -> None:
    """Neither by SHOW and DESCRIBE nor in the emulator's list of statements."""
    shown = [*lab.rows(f"SHOW SECRETS LIKE '{login}'"), *lab.rows(f"DESCRIBE SECRET {login}")]
    assert [row["secret_type"] for row in shown] == ["PASSWORD", "PASSWORD"]
    assert "secret" not in " ".join(str(value) for row in shown for value in row.values())
    sent = [statement.text for statement in emulator.statements if "SECRET" in statement.text]
    assert sent
    assert not any("it''s" in text for text in sent)


def test_changing_and_dropping(lab: Lab, login: str) -> None:
    """What is changed holds for the next job; what is dropped cannot be used."""
    use = [{"snowflakeSecret": login, "secretKeyRef": "username", "envVarName": "NAME"}]
    lab.rows(f"ALTER SECRET {login} SET USERNAME = 'bob' COMMENT = 'new'")
    name = lab.submit("echo $NAME", secrets=use)
    lab.wait(name)
    assert lab.log(name) == ["bob"]
    lab.rows(f"DROP SECRET {login}")
    with pytest.raises(ProgrammingError) as caught:
        lab.submit("true", secrets=use)
    assert caught.value.errno == 2003


def test_they_outlive_the_emulator(tmp_path: Path) -> None:
    """With a data folder, which is its owner's alone."""
    data = tmp_path / "data"
    with new_emulator(tmp_path, data_dir=data) as first, open_lab(first) as connection:
        Lab(connection).rows("CREATE SECRET S TYPE = GENERIC_STRING SECRET_STRING = 'kept'")
    with new_emulator(tmp_path, data_dir=data) as second, open_lab(second) as connection:
        use = {"snowflakeSecret": "S", "secretKeyRef": "secret_string", "envVarName": "KEPT"}
        lab = Lab(connection)
        name = lab.submit("echo $KEPT", secrets=[use])
        lab.wait(name)
        assert lab.log(name) == ["kept"]


@pytest.mark.parametrize(
    "use",
    [
        {"snowflakeSecret": "{}"},
        {"snowflakeSecret": "{}", "envVarName": "X"},
        {"snowflakeSecret": "{}", "envVarName": "X", "secretKeyRef": "secret_string"},
        {"snowflakeSecret": "{}", "envVarName": "X", "secretKeyRef": "nothing"},
        {"snowflakeSecret": "{}", "envVarName": "X", "directoryPath": "/x"},
        {"snowflakeSecret": {"objectReference": "x"}, "directoryPath": "/x"},
        {"secret": "{}", "directoryPath": "/x"},
    ],
)
def test_a_wrong_use(lab: Lab, login: str, use: dict[str, object]) -> None:
    """It is refused with the specification."""
    named = {key: login if value == "{}" else value for key, value in use.items()}
    with pytest.raises(ProgrammingError, match="Invalid spec"):
        lab.rows(execute_job(spec_of(container("true", secrets=[named])), new_name()))


@pytest.mark.parametrize(
    ("statement", "number"),
    [
        ("CREATE SECRET {} TYPE = GENERIC_STRING SECRET_STRING = 'x'", 2002),
        ("CREATE SECRET OTHER TYPE = PASSWORD USERNAME = 'x'", 2029),
        ("CREATE SECRET OTHER TYPE = OAUTH2 OAUTH_SCOPES = ('x')", 2),
        ("CREATE SECRET OTHER TYPE = GENERIC_STRING NONSENSE = 'x'", 1420),
        ("DROP SECRET NOT_THERE", 2003),
        ("ALTER SECRET NOT_THERE SET COMMENT = 'x'", 2003),
    ],
)
def test_a_wrong_statement(lab: Lab, login: str, statement: str, number: int) -> None:
    """By the account's number."""
    with pytest.raises(ProgrammingError) as caught:
        lab.rows(statement.format(login))
    assert caught.value.errno == number


def test_the_token_in_another_place(lab: Lab) -> None:
    """``sessionTokenConfig`` says where, and who may read it."""
    config = {"path": "/opt/own/key", "permission": "0640"}
    script = "test -s /opt/own/key && stat -c %a /opt/own/key; ls /snowflake/session 2>&1 | wc -l"
    name = lab.submit(script, sessionTokenConfig=config)
    lab.wait(name)
    assert lab.log(name)[0] == "640"


@pytest.mark.parametrize("config", [{"permission": "rw"}, {"paths": "/x"}])
def test_a_wrong_place_for_the_token(lab: Lab, config: dict[str, str]) -> None:
    """It is refused with the specification."""
    with pytest.raises(ProgrammingError, match="Invalid spec"):
        lab.submit("true", sessionTokenConfig=config)
