"""What a Snowpark session sends, as Snowflake's own tutorials use one inside a container."""

import io
from collections.abc import Iterator

import pytest
from snowflake.snowpark import Session

from dagster_spcs.emulator import Emulator
from tests.support.emulators import Lab, open_lab

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


@pytest.fixture
def session(account: Emulator) -> Iterator[Session]:
    """A session in ``LAB.PUBLIC``; closing it is part of the promise."""
    open_lab(account).close()
    place = {"database": "LAB", "schema": "PUBLIC"}
    with Session.builder.configs({**account.connection_parameters(), **place}).create() as opened:
        yield opened


@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_saving_the_result_of_a_query(session: Session, lab: Lab, mode: str) -> None:
    """Tutorial 2's job saves a data frame as a table."""
    lab.rows("DROP TABLE IF EXISTS SAVED")
    frame = session.sql("SELECT 1 AS N, 'hello' AS H")

    frame.write.mode(mode).save_as_table("SAVED")
    frame.write.mode(mode).save_as_table("SAVED")

    expected = [{"N": 1, "H": "hello"}] * (2 if mode == "append" else 1)
    assert lab.rows("SELECT * FROM SAVED") == expected


def test_data_frame_of_values(session: Session) -> None:
    """create_dataframe names the columns of VALUES by number."""
    frame = session.create_dataframe([[1, "a $1 b"], [2, "c"]], schema=["X", "Y"])
    assert [tuple(row) for row in frame.sort("X").collect()] == [(1, "a $1 b"), (2, "c")]


def test_uploading_a_specification(session: Session, lab: Lab) -> None:
    """A file that Snowpark puts on a stage can be a job's specification."""
    lab.rows("CREATE STAGE IF NOT EXISTS SPECS")
    text = b"spec:\n  containers:\n  - name: main\n    image: /lab/public/images/shell:1\n"
    session.file.put_stream(
        io.BytesIO(text + b'    args: ["true"]\n'), "@SPECS/job.yaml", auto_compress=False
    )
    lab.rows("DROP SERVICE IF EXISTS FROM_STAGE")
    answer = lab.value(
        "EXECUTE JOB SERVICE IN COMPUTE POOL CPU_S NAME = FROM_STAGE FROM @SPECS SPEC = 'job.yaml'"
    )
    assert answer == "Job FROM_STAGE completed successfully with status: DONE."
