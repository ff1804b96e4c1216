"""Scripts and folders submitted as jobs."""

import textwrap
from pathlib import Path

import pytest
from snowflake.ml.jobs import submit_directory, submit_file, submit_from_stage
from snowflake.snowpark import Session

STAGE = "payload_stage"


def written(folder: Path, name: str, text: str) -> str:
    """Write a script and return its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))
    return str(path)


def test_file_with_arguments(session: Session, pool: str, tmp_path: Path) -> None:
    """A script gets its arguments as they are."""
    script = written(
        tmp_path,
        "count_words.py",
        """
        import argparse

        parser = argparse.ArgumentParser()
        parser.add_argument("text")
        parser.add_argument("--times", type=int, default=1)
        given = parser.parse_args()
        print("words:", len(given.text.split()) * given.times)
        """,
    )
    job = submit_file(
        script, pool, stage_name=STAGE, args=["it's a test", "--times", "2"], session=session
    )
    assert job.wait() == "DONE"
    assert job.get_logs() == "words: 6"


def test_file_result(session: Session, pool: str, tmp_path: Path) -> None:
    """A script hands over its result in __return__."""
    script = written(tmp_path, "answer.py", "__return__ = {'answer': 42}\n")
    assert submit_file(script, pool, stage_name=STAGE, session=session).result() == {"answer": 42}


def test_file_that_fails(session: Session, pool: str, tmp_path: Path) -> None:
    """An exception in a script fails its job."""
    script = written(tmp_path, "fails.py", "raise KeyError('no such key')\n")
    job = submit_file(script, pool, stage_name=STAGE, session=session)
    assert job.wait() == "FAILED"
    with pytest.raises(RuntimeError, match="no such key"):
        job.result()


def test_file_that_exits(session: Session, pool: str, tmp_path: Path) -> None:
    """A script that exits other than 0 fails its job."""
    script = written(
        tmp_path, "exits.py", "import sys\nprint('leaving', flush=True)\nsys.exit(3)\n"
    )
    job = submit_file(script, pool, stage_name=STAGE, session=session)
    assert job.wait() == "FAILED"
    assert "leaving" in job.get_logs()


def test_file_that_is_not_there(session: Session, pool: str, tmp_path: Path) -> None:
    """A missing file is refused before anything is sent."""
    with pytest.raises(FileNotFoundError):
        submit_file(str(tmp_path / "absent.py"), pool, stage_name=STAGE, session=session)


def test_file_that_uses_the_session(session: Session, pool: str, tmp_path: Path) -> None:
    """A script finds the active session and saves a table."""
    script = written(
        tmp_path,
        "load.py",
        """
        from snowflake.snowpark.context import get_active_session

        session = get_active_session()
        rows = [[number, number**2] for number in range(4)]
        session.create_dataframe(rows, schema=["n", "square"]).write.save_as_table("squares")
        """,
    )
    job = submit_file(script, pool, stage_name=STAGE, session=session)
    assert job.wait() == "DONE"
    assert [row[0] for row in session.sql("SELECT square FROM squares ORDER BY n").collect()] == [
        0,
        1,
        4,
        9,
    ]


def test_directory(session: Session, pool: str, tmp_path: Path) -> None:
    """Modules and data beside the entry point are there."""
    written(tmp_path, "src/main.py", "from parts.steps import read\n__return__ = read()\n")
    written(tmp_path, "src/parts/__init__.py", "")
    written(
        tmp_path,
        "src/parts/steps.py",
        "def read():\n    return open('data/words.txt').read().split()\n",
    )
    written(tmp_path, "src/data/words.txt", "one two three")
    job = submit_directory(
        str(tmp_path / "src"), pool, entrypoint="main.py", stage_name=STAGE, session=session
    )
    assert job.result() == ["one", "two", "three"]


def test_directory_with_requirements(session: Session, pool: str, tmp_path: Path) -> None:
    """A requirements.txt of the folder is installed."""
    written(tmp_path, "src/main.py", "import roman\n__return__ = roman.fromRoman('XL')\n")
    written(tmp_path, "src/requirements.txt", "roman==5.1\n")
    job = submit_directory(
        str(tmp_path / "src"), pool, entrypoint="main.py", stage_name=STAGE, session=session
    )
    assert job.result() == 40


def test_directory_with_a_command(session: Session, pool: str, tmp_path: Path) -> None:
    """The entry point may be a command and its arguments."""
    written(tmp_path, "src/words.txt", "alpha\nbeta\n")
    job = submit_directory(
        str(tmp_path / "src"),
        pool,
        entrypoint=["sort", "-r", "words.txt"],
        stage_name=STAGE,
        session=session,
    )
    assert job.wait() == "DONE"
    lines = job.get_logs(verbose=True).splitlines()
    assert lines.index("beta") < lines.index("alpha")


def test_directory_without_its_entry_point(session: Session, pool: str, tmp_path: Path) -> None:
    """An entry point that is not in the folder is refused."""
    written(tmp_path, "src/main.py", "")
    with pytest.raises(FileNotFoundError):
        submit_directory(
            str(tmp_path / "src"), pool, entrypoint="other.py", stage_name=STAGE, session=session
        )


def test_stage(session: Session, pool: str, tmp_path: Path) -> None:
    """A payload that is on a stage is copied from there."""
    session.sql("CREATE STAGE code").collect()
    main = written(tmp_path, "main.py", "from helper import NAME\n__return__ = NAME\n")
    helper = written(tmp_path, "helper.py", "NAME = 'from the stage'\n")
    for path in (main, helper):
        session.file.put(path, "@code/project", auto_compress=False)
    job = submit_from_stage(
        "@code/project", pool, entrypoint="@code/project/main.py", stage_name=STAGE, session=session
    )
    assert job.result() == "from the stage"


def test_stage_with_a_folder(session: Session, pool: str, tmp_path: Path) -> None:
    """The payload's stage may be named with its schema and a folder."""
    script = written(tmp_path, "answer.py", "__return__ = 42\n")
    place = f"@{session.get_current_database()}.{session.get_current_schema()}.results/of/checks"
    job = submit_file(script, pool, stage_name=place, session=session)
    assert job.result() == 42
    names = [row["name"] for row in session.sql(f"LIST {place}").collect()]
    assert any(name.endswith("/app/answer.py") for name in names)
    assert any(name.endswith("/mljob_result") for name in names)


def test_payload_is_on_the_stage(session: Session, pool: str, tmp_path: Path) -> None:
    """The script and what starts it lie on the stage, which was made on the way."""
    script = written(tmp_path, "answer.py", "__return__ = 42\n")
    submit_file(script, pool, stage_name="made_for_me", session=session).wait()
    assert [row["name"] for row in session.sql("SHOW STAGES LIKE 'MADE_FOR_ME'").collect()] == [
        "MADE_FOR_ME"
    ]
    names = {row["name"].split("/", 2)[-1] for row in session.sql("LIST @made_for_me").collect()}
    assert {"app/answer.py", "system/startup.sh", "system/mljob_launcher.py"} <= names


def test_relative_path_and_output(session: Session, pool: str, tmp_path: Path) -> None:
    """A job finds the stage mounted, and what it writes there can be fetched."""
    script = written(
        tmp_path,
        "report.py",
        """
        import os
        from pathlib import Path

        folder = Path(os.environ["MLRS_STAGE_MOUNT_PATH"]) / "output"
        folder.mkdir(exist_ok=True)
        (folder / "report.csv").write_text("n,square\\n3,9\\n")
        """,
    )
    job = submit_file(script, pool, stage_name="reports", session=session)
    assert job.wait() == "DONE"
    listed = session.sql("LIST @reports PATTERN = '.*report.csv'").collect()
    assert len(listed) == 1
    fetched = tmp_path / "fetched"
    name = listed[0]["name"].split("/", 1)[1]
    session.file.get(f"@reports/{name}", str(fetched))
    assert (fetched / "report.csv").read_text() == "n,square\n3,9\n"
