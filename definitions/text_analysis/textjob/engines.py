"""What an engine is, and which one a run gets.

An engine takes a batch of texts and gives, for each, the values of its task's outcome columns in
the order of ``statements.OUTCOMES``. It never refuses a text: whatever a column can hold gets a
result.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from textjob.options import EngineName, Options, Task


class Engine(Protocol):
    """A way to do one task."""

    def analyse(self, texts: Sequence[str]) -> list[tuple[Any, ...]]:
        """Return one outcome for each text, in order."""
        ...


class LightSentiment:
    """Label and score by word list."""

    def __init__(self) -> None:
        from textjob.sentiment import Scorer

        self._scorer = Scorer()

    def analyse(self, texts: Sequence[str]) -> list[tuple[Any, ...]]:
        """Return (label, score) of each text."""
        return [tuple(self._scorer.judge(text)) for text in texts]


class LightSummary:
    """The most telling sentences of a text."""

    def analyse(self, texts: Sequence[str]) -> list[tuple[Any, ...]]:
        """Return (summary,) of each text."""
        from textjob.summary import summarize

        return [(summarize(text),) for text in texts]


def load_engine(options: Options) -> Engine:
    """Make the engine of a run; only what that engine needs is imported.

    Raises:
        JobError: The packages or the models of ``--engine transformers`` are not there.
    """
    if options.engine is EngineName.TRANSFORMERS:
        from textjob.models import load_sentiment, load_summary

        load = load_sentiment if options.task is Task.SENTIMENT else load_summary
        return load(options.model_folder)
    return LightSentiment() if options.task is Task.SENTIMENT else LightSummary()
