"""What a run is told: the arguments of the command line and the replica's place among others."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NoReturn

from textjob.errors import JobError
from textjob.names import Column, Table

# A MERGE carries up to seven values a row, and Snowflake has refused statements with more than
# 16,384 expressions in a list; this stays clear of it.
LARGEST_BATCH = 2000


class Task(StrEnum):
    """What to do with each text."""

    SUMMARIZATION = "summarization"
    SENTIMENT = "sentiment"


class EngineName(StrEnum):
    """Which implementation does it."""

    LIGHT = "light"
    TRANSFORMERS = "transformers"


@dataclass(frozen=True)
class Share:
    """The rows of this instance when a job has several (``REPLICAS``)."""

    index: int = 0
    count: int = 1

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Share":
        """Read the platform's variables; without them one instance does everything."""
        raw_index = environment.get("SNOWFLAKE_JOB_INDEX") or "0"
        raw_count = environment.get("SNOWFLAKE_JOBS_COUNT") or "1"
        if raw_index.isdecimal() and raw_count.isdecimal() and int(raw_index) < int(raw_count):
            return cls(int(raw_index), int(raw_count))
        raise JobError(
            f"SNOWFLAKE_JOB_INDEX={raw_index!r} with SNOWFLAKE_JOBS_COUNT={raw_count!r} names no"
            " share of the rows: the index counts from 0 and stays below the count;"
            " leave both unset to do all rows"
        )


@dataclass(frozen=True)
class Options:
    """One run, checked."""

    task: Task
    source: Table
    id_column: Column
    text_column: Column
    result: Table
    engine: EngineName = EngineName.LIGHT
    batch_size: int = 64
    limit: int | None = None
    full: bool = False
    model_folder: Path = Path("/models")
    share: Share = Share()


class _Parser(argparse.ArgumentParser):
    """Reports a wrong argument the way every other error is reported: one line, exit code 1."""

    def error(self, message: str) -> NoReturn:
        raise JobError(f"{message}; see --help")


def _whole_number(argument: str) -> int:
    if not argument.isdecimal() or int(argument) < 1:
        raise argparse.ArgumentTypeError(f"{argument!r} is not a whole number of 1 or more")
    return int(argument)


def _batch_size(argument: str) -> int:
    number = _whole_number(argument)
    if number > LARGEST_BATCH:
        raise argparse.ArgumentTypeError(f"{number} is above {LARGEST_BATCH}")
    return number


def _parser() -> argparse.ArgumentParser:
    # Abbreviations off: a typo must not pass for another option.
    parser = _Parser(prog="main.py", allow_abbrev=False, description="Analyse a column of texts.")
    parser.add_argument("--task", required=True, type=Task, choices=list(Task))
    parser.add_argument("--source_table", required=True, help="table or view to read")
    parser.add_argument("--source_id_column", required=True, help="unique id of a source row")
    parser.add_argument("--source_value_column", required=True, help="the text to analyse")
    parser.add_argument("--result_table", required=True, help="made if absent, one row an id")
    parser.add_argument(
        "--engine", type=EngineName, choices=list(EngineName), default=EngineName.LIGHT
    )
    parser.add_argument("--batch_size", type=_batch_size, default=64, help="rows a MERGE")
    parser.add_argument("--limit", type=_whole_number, help="at most this many rows an instance")
    parser.add_argument("--full", action="store_true", help="redo rows that are up to date")
    parser.add_argument(
        "--model_folder", type=Path, default=Path("/models"), help="models of --engine transformers"
    )
    return parser


def parse_options(arguments: Sequence[str], environment: Mapping[str, str]) -> Options:
    """Turn the command line and the environment into a checked ``Options``.

    Raises:
        JobError: An argument or a variable is not what it should be.
    """
    given = _parser().parse_args(arguments)
    options = Options(
        task=given.task,
        source=Table.parse(given.source_table, "--source_table"),
        id_column=Column.parse(given.source_id_column, "--source_id_column"),
        text_column=Column.parse(given.source_value_column, "--source_value_column"),
        result=Table.parse(given.result_table, "--result_table"),
        engine=given.engine,
        batch_size=given.batch_size,
        limit=given.limit,
        full=given.full,
        model_folder=given.model_folder,
        share=Share.from_environment(environment),
    )
    if options.source == options.result:
        raise JobError(
            f"--result_table {options.result.sql} is the source table: results would land among"
            " the texts; name another table"
        )
    return options
