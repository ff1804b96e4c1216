"""Files on stages, as clients put, see, get and remove them ("PUT", "GET", "LIST", "REMOVE")."""

import gzip
import hashlib
from pathlib import Path

import pytest
import snowflake.connector
from snowflake.connector.errors import ProgrammingError

from dagster_spcs.emulator import Emulator
from tests.support.emulators import Lab, container, new_emulator, new_name, open_lab, spec_of

NAMES = [
    "plain.csv", "a blank.csv", "größe.csv", "a+b.csv", "50%.csv", "a%20b.csv", "a#b.csv",
    "a&b=c.csv", "a--b.csv",
]  # fmt: skip
IS_CONNECTOR_4 = snowflake.connector.__version__.startswith("4.")


@pytest.fixture
def stage(lab: Lab) -> str:
    """An empty stage of the test's own."""
    name = new_name("KEEP")
    lab.rows(f"CREATE STAGE {name}")
    return name


def put(lab: Lab, folder: Path, target: str, *files: str) -> None:
    """Put files whose content is their name, as they are."""
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(file)
        lab.rows(f"PUT 'file://{folder}/{file}' '{target}' AUTO_COMPRESS=FALSE")


def names(lab: Lab, location: str, clause: str = "") -> list[str]:
    """What LIST shows."""
    return [row["name"] for row in lab.rows(f"LIST {location} {clause}")]


@pytest.mark.parametrize("file", NAMES)
@pytest.mark.parametrize("place", ["stage", "folder", "table", "user"])
def test_a_file_of_any_name(lab: Lab, tmp_path: Path, file: str, place: str) -> None:
    """It is on the stage under its name, with its content, and comes back the same."""
    name = new_name("KEEP")
    lab.rows(f"CREATE TABLE {name} (N INT)" if place == "table" else f"CREATE STAGE {name}")
    stage = {"table": f"@%{name}", "user": "@~"}.get(place, f"@{name}")
    folder = {"folder": "/in here", "user": f"/{name}"}.get(place, "")
    (tmp_path / file).write_text("1\n2\n")
    row = lab.row(f"PUT 'file://{tmp_path}/{file}' '{stage}{folder}' AUTO_COMPRESS=FALSE")
    assert (row["source"], row["target"], row["status"]) == (file, file, "UPLOADED")

    [listed] = lab.rows(f"LIST '{stage}{folder}'")
    prefix = {"stage": f"{name.lower()}/", "folder": f"{name.lower()}/in here/", "table": "",
              "user": f"{name}/"}[place]  # fmt: skip
    assert (listed["name"], listed["size"]) == (f"{prefix}{file}", 4)
    assert listed["md5"] == hashlib.md5(b"1\n2\n").hexdigest()
    assert listed["last_modified"].endswith(" GMT")

    back = tmp_path / "back again"
    back.mkdir()
    got = lab.row(f"GET '{stage}{folder}/{file}' 'file://{back}/'")
    assert (got["file"], got["status"], got["size"]) == (file, "DOWNLOADED", 4)
    assert (back / file).read_text() == "1\n2\n"


def test_compression(lab: Lab, stage: str, tmp_path: Path) -> None:
    """Unless told otherwise the client compresses a file, and the name says so."""
    (tmp_path / "a.csv").write_text("1\n")
    row = lab.row(f"PUT file://{tmp_path}/a.csv @{stage}")
    assert (row["target"], row["target_compression"]) == ("a.csv.gz", "GZIP")
    lab.rows(f"GET @{stage} file://{tmp_path}/")
    assert gzip.decompress((tmp_path / "a.csv.gz").read_bytes()) == b"1\n"


def test_a_bind_names_the_stage(qmark: Lab, stage: str, tmp_path: Path) -> None:
    """As the connector's users write PUT and LIST with qmark binds."""
    (tmp_path / "a.csv").write_text("1\n")
    row = qmark.row(f"PUT file://{tmp_path}/a.csv ? OVERWRITE = TRUE", [f"@{stage}/in"])
    assert (row["target"], row["status"]) == ("a.csv.gz", "UPLOADED")
    assert [row["name"] for row in qmark.rows("LIST ?", [f"@{stage}"])] == [
        f"{stage.lower()}/in/a.csv.gz"
    ]


def test_wildcards(lab: Lab, stage: str, tmp_path: Path) -> None:
    """The client puts every file that matches; GET brings a folder, or what matches a pattern."""
    for name in ("a 1.csv", "a2.csv", "b.csv"):
        (tmp_path / name).write_text(name)
    lab.rows(f"PUT 'file://{tmp_path}/a*.csv' @{stage}/in AUTO_COMPRESS=FALSE")
    assert names(lab, f"@{stage}") == [
        f"{stage.lower()}/in/{name}" for name in ("a 1.csv", "a2.csv")
    ]
    back = tmp_path / "back"
    back.mkdir()
    lab.rows(f"GET @{stage}/in file://{back} PATTERN = '.*2[.]csv' PARALLEL = 2")
    assert [path.name for path in back.iterdir()] == ["a2.csv"]


def test_a_file_that_is_there(lab: Lab, stage: str, tmp_path: Path) -> None:
    """OVERWRITE replaces it. Without it connector 5 skips; connector 4 overwrites in this cloud."""
    for text, clause in (("1", ""), ("2", ""), ("3", "OVERWRITE = TRUE")):
        (tmp_path / "a.csv").write_text(text)
        statement = f"PUT file://{tmp_path}/a.csv @{stage} AUTO_COMPRESS=FALSE {clause}"
        status = lab.row(statement)["status"]
        if text == "2":
            assert status == ("UPLOADED" if IS_CONNECTOR_4 else "SKIPPED")
    lab.rows(f"GET @{stage} file://{tmp_path}/")
    assert (tmp_path / "a.csv").read_text() == "3"


def test_listing_and_removing(lab: Lab, stage: str, tmp_path: Path) -> None:
    """By path, which is a prefix, and by pattern."""
    put(lab, tmp_path, f"@{stage}", "a.csv", "b.txt")
    put(lab, tmp_path / "x", f"@{stage}/folder/sub", "a.csv")
    low = stage.lower()
    everything = [f"{low}/a.csv", f"{low}/b.txt", f"{low}/folder/sub/a.csv"]
    assert names(lab, f"@{stage}") == names(lab, f"@LAB.PUBLIC.{stage}/") == everything
    assert names(lab, f"@{stage}/fol") == [f"{low}/folder/sub/a.csv"]
    assert names(lab, f"@{stage}", "PATTERN = '.*[.]csv'") == [everything[0], everything[2]]
    assert lab.rows(f"LS @{stage}/nothing") == []
    assert lab.rows(f"REMOVE @{stage}/folder PATTERN = '.*[.]txt'") == []
    assert lab.rows(f"REMOVE @{stage}/folder") == [
        {"name": f"{low}/folder/sub/a.csv", "result": "removed"}
    ]
    lab.rows(f"RM @{stage}/a.csv")
    assert names(lab, f"@{stage}") == [f"{low}/b.txt"]


def test_copying_files(lab: Lab, stage: str, tmp_path: Path) -> None:
    """From one stage to another, by path, by name and by pattern."""
    put(lab, tmp_path, f"@{stage}/from", "a.csv", "b.csv", "c.txt")
    other = new_name("KEEP")
    lab.rows(f"CREATE STAGE {other}")
    copied = lab.rows(f"COPY FILES INTO @{other}/to FROM @{stage}/from/ PATTERN = '.*csv'")
    assert copied == [{"file": f"{other.lower()}/to/{name}"} for name in ("a.csv", "b.csv")]
    lab.rows(f"COPY FILES INTO @{other} FROM @{stage}/from/ FILES = ('c.txt')")
    assert names(lab, f"@{other}") == [
        f"{other.lower()}/{name}" for name in ("c.txt", "to/a.csv", "to/b.csv")
    ]


def test_loading_what_was_put(lab: Lab, stage: str, tmp_path: Path) -> None:
    """COPY INTO, which is fakesnow's, finds the files of stage, folder and table."""
    table = new_name("LOADED")
    lab.rows(f"CREATE TABLE {table} (N INT)")
    (tmp_path / "a b.csv").write_text("1\n2\n")
    for target in (f"@{stage}", f"@{stage}/sub", f"@%{table}"):
        lab.rows(f"PUT 'file://{tmp_path}/a b.csv' {target} AUTO_COMPRESS=FALSE")
        lab.rows(f"COPY INTO {table} FROM {target} FILES = ('a b.csv') FILE_FORMAT = (TYPE = CSV)")
    assert lab.value(f"SELECT SUM(N) AS S FROM {table}") == 9


@pytest.mark.parametrize(
    ("statement", "number", "text"),
    [
        ("LIST @NO_SUCH", 2003, r"Stage 'LAB\.PUBLIC\.NO_SUCH' does not exist or not authorized"),
        ("LIST @%NO_SUCH", 2003, "does not exist or not authorized"),
        ("REMOVE @A.B.C.D", 1003, "invalid stage location"),
        ("PUT file:///tmp/x @NO_SUCH", 2003, "NO_SUCH"),
        ("GET @NO_SUCH file:///tmp/", 2003, "NO_SUCH"),
        ("LIST @{stage} PATERN = 'x'", 1003, "unexpected 'PATERN'"),
        ("LIST @{stage} PATTERN = '['", 100048, "Invalid regular expression"),
        ("PUT file:///tmp/x @{stage} AUTO_COMPRES = FALSE", 1003, "unexpected 'AUTO_COMPRES'"),
        ("PUT file:///tmp/x @{stage} AUTO_COMPRESS = MAYBE", 1481, "AUTO_COMPRESS"),
        ("PUT file:///tmp/x '@{stage}/../../x'", 2003, "does not exist"),
        ("LIST '@{stage}/../..'", 2003, "does not exist"),
        ('CREATE STAGE "a.b"', 2, "dot or a slash"),
    ],
)
def test_what_is_refused(lab: Lab, stage: str, statement: str, number: int, text: str) -> None:
    """The error names the stage, the word or the option."""
    with pytest.raises(ProgrammingError, match=text) as caught:
        lab.rows(statement.format(stage=stage))
    assert caught.value.errno == number


def test_a_stage_is_replaced_or_dropped(lab: Lab, stage: str, tmp_path: Path) -> None:
    """Its files go with it."""
    put(lab, tmp_path, f"@{stage}", "a.csv")
    lab.rows(f"CREATE OR REPLACE STAGE {stage}")
    assert names(lab, f"@{stage}") == []
    put(lab, tmp_path, f"@{stage}", "a.csv")
    lab.rows(f"DROP STAGE {stage}")
    lab.rows(f"CREATE STAGE {stage}")
    assert names(lab, f"@{stage}") == []


def test_stages_are_kept(tmp_path: Path) -> None:
    """With a data folder stages and their files are there after a restart; temporary ones not."""
    for time in ("before", "after"):
        with new_emulator(tmp_path, data_dir=tmp_path / "data") as emulator:
            lab = Lab(open_lab(emulator))
            if time == "before":
                for kind, name in (("", "KEPT"), ("", '"Quoted one"'), ("TEMPORARY", "GONE")):
                    lab.rows(f"CREATE {kind} STAGE {name}")
                    put(lab, tmp_path, f"@{name}", "a.csv")
            else:
                assert names(lab, "@KEPT") == ["kept/a.csv"]
                assert names(lab, "'@\"Quoted one\"'") == ["quoted one/a.csv"]
                with pytest.raises(ProgrammingError, match="GONE"):
                    names(lab, "@GONE")
            lab.connection.close()


def test_two_emulators_share_no_stage(emulator: Emulator, lab: Lab, tmp_path: Path) -> None:
    """Stages of one name in two emulators of a process hold their own files."""
    lab.rows("CREATE OR REPLACE STAGE SAME")
    put(lab, tmp_path, "@SAME", "a.csv")
    with new_emulator(tmp_path) as second, open_lab(second) as connection:
        other = Lab(connection)
        other.rows("CREATE STAGE SAME")
        assert names(other, "@SAME") == []
        put(other, tmp_path, "@SAME", "b.csv")
        other.rows("CREATE TABLE T (N VARCHAR)")
        other.rows("COPY INTO T FROM @SAME FILE_FORMAT = (TYPE = CSV)")
        assert other.rows("SELECT N FROM T") == [{"N": "b.csv"}]
    assert names(lab, "@SAME") == ["same/a.csv"]


def test_a_specification_on_any_stage(lab: Lab, stage: str, tmp_path: Path) -> None:
    """A job may read its specification from any stage."""
    (tmp_path / "a job.yaml").write_text(spec_of(container("true")))
    lab.rows(f"PUT 'file://{tmp_path}/a job.yaml' '@{stage}/in here' AUTO_COMPRESS=FALSE")
    job = new_name()
    lab.rows(
        f"EXECUTE JOB SERVICE IN COMPUTE POOL CPU_S NAME = {job}"
        f" FROM '@{stage}/in here' SPEC = 'a job.yaml'"
    )
    assert lab.describe(job)["status"] == "DONE"
