"""Functions sent to a compute pool with the decorator."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from snowflake.ml.jobs import remote
from snowflake.snowpark import Session

STAGE = "payload_stage"


def test_arguments_and_result(session: Session, pool: str) -> None:
    """Positional and keyword arguments arrive, the return value comes back."""

    @remote(pool, stage_name=STAGE, session=session)
    def scaled(value: int, factor: float = 2.0, *, label: str = "") -> dict:
        return {"label": label, "value": value * factor}

    assert scaled(20, factor=2.5, label="it's").result() == {"label": "it's", "value": 50.0}


def test_default_arguments(session: Session, pool: str) -> None:
    """What is left out has its default."""

    @remote(pool, stage_name=STAGE, session=session)
    def greet(name: str = "world") -> str:
        return f"hello {name}"

    assert greet().result() == "hello world"


def test_each_call_is_a_job(session: Session, pool: str) -> None:
    """One decorated function, called twice, makes two jobs with their own results."""

    @remote(pool, stage_name=STAGE, session=session)
    def double(number: int) -> int:
        return number * 2

    first, second = double(1), double(21)
    assert first.id != second.id
    assert [first.result(), second.result()] == [2, 42]


def test_nothing_returned(session: Session, pool: str) -> None:
    """A function without a return value has the result None."""

    @remote(pool, stage_name=STAGE, session=session)
    def silent() -> None:
        sum(range(10))

    job = silent()
    assert job.wait() == "DONE"
    assert job.result() is None


def test_pandas_result(session: Session, pool: str) -> None:
    """A pandas DataFrame comes back as one."""

    @remote(pool, stage_name=STAGE, session=session)
    def table(rows: int) -> pd.DataFrame:
        return pd.DataFrame({"n": range(rows), "s": [str(each) for each in range(rows)]})

    expected = pd.DataFrame({"n": range(3), "s": ["0", "1", "2"]})
    pd.testing.assert_frame_equal(table(3).result(), expected)


def test_pandas_and_numpy_arguments(session: Session, pool: str) -> None:
    """Arguments that JSON cannot hold arrive as well."""

    @remote(pool, stage_name=STAGE, session=session)
    def total(frame: pd.DataFrame, weights: np.ndarray) -> float:
        return float((frame["x"].to_numpy() * weights).sum())

    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
    assert total(frame, np.array([1.0, 10.0, 100.0])).result() == 321.0


def test_numpy_result(session: Session, pool: str) -> None:
    """A numpy array comes back as one."""

    @remote(pool, stage_name=STAGE, session=session)
    def squares(count: int) -> np.ndarray:
        return np.arange(count) ** 2

    assert squares(4).result().tolist() == [0, 1, 4, 9]


def test_closure_and_helper(session: Session, pool: str) -> None:
    """A function takes along what it refers to."""
    offset = 7

    def shifted(number: int) -> int:
        return number + offset

    @remote(pool, stage_name=STAGE, session=session)
    def work(numbers: list) -> list:
        return [shifted(number) for number in numbers]

    assert work([1, 2]).result() == [8, 9]


def test_exception(session: Session, pool: str) -> None:
    """An exception fails the job and is the cause of what result() raises."""

    @remote(pool, stage_name=STAGE, session=session)
    def broken(text: str) -> None:
        raise ValueError(f"cannot use {text}")

    job = broken("this")
    assert job.wait() == "FAILED"
    with pytest.raises(RuntimeError, match="cannot use this") as caught:
        job.result()
    assert isinstance(caught.value.__cause__, ValueError)


def test_wrong_arguments(session: Session, pool: str) -> None:
    """A call that does not fit the function fails in the job."""

    @remote(pool, stage_name=STAGE, session=session)
    def needs_two(one: int, two: int) -> int:
        return one + two

    job = needs_two(1)
    assert job.wait() == "FAILED"
    with pytest.raises(RuntimeError, match="missing 1 required positional argument"):
        job.result()


def test_session_in_the_job(session: Session, pool: str) -> None:
    """The job reads and writes tables with its own session."""
    session.create_dataframe([[1], [2], [39]], schema=["n"]).write.save_as_table("numbers")

    @remote(pool, stage_name=STAGE, session=session)
    def summed() -> int:
        from snowflake.snowpark.context import get_active_session

        inside = get_active_session()
        inside.sql("CREATE TABLE totals AS SELECT SUM(n)::INT AS total FROM numbers").collect()
        return inside.table("totals").collect()[0][0]

    assert summed().result() == 42
    assert session.table("totals").collect()[0][0] == 42


def test_session_as_argument(session: Session, pool: str) -> None:
    """A session among the arguments is the job's session there."""

    @remote(pool, stage_name=STAGE, session=session)
    def where(inside: Session) -> str:
        return inside.get_current_database()

    assert where(session).result() == session.get_current_database()


def test_active_session(session: Session, pool: str) -> None:
    """Without a session the active one is used."""

    @remote(pool, stage_name=STAGE)
    def one() -> int:
        return 1

    assert one().result() == 1


def test_environment_variables(session: Session, pool: str) -> None:
    """env_vars are the job's environment."""

    @remote(pool, stage_name=STAGE, session=session, env_vars={"GREETING": "good morning"})
    def greeting() -> str:
        import os

        return os.environ["GREETING"]

    assert greeting().result() == "good morning"


def test_pip_requirements(session: Session, pool: str) -> None:
    """A package that the runtime does not have is installed first."""

    @remote(pool, stage_name=STAGE, session=session, pip_requirements=["roman==5.1"])
    def numeral(number: int) -> str:
        import roman

        return roman.toRoman(number)

    assert numeral(14).result() == "XIV"


def test_pip_requirement_that_does_not_exist(session: Session, pool: str) -> None:
    """The job fails, and its log tells why."""
    missing = "a-package-that-nobody-has-published==1.0"

    @remote(pool, stage_name=STAGE, session=session, pip_requirements=[missing])
    def one() -> int:
        return 1

    job = one()
    assert job.wait() == "FAILED"
    assert "No matching distribution found" in job.get_logs(verbose=True)


def test_imports(session: Session, pool: str, tmp_path: Path) -> None:
    """A folder of modules goes along as an import."""
    package = tmp_path / "helpers"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "texts.py").write_text("def loud(text):\n    return text.upper()\n")

    @remote(pool, stage_name=STAGE, session=session, imports=[(str(package), "helpers")])
    def shout(text: str) -> str:
        from helpers.texts import loud

        return loud(text)

    assert shout("hey").result() == "HEY"
