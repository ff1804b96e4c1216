"""The ``transformers`` engine: T5-small for summaries, DistilBERT (SST-2) for sentiment.

The models lie in a folder of the image (``Dockerfile.transformers`` puts them there) and are loaded
from it alone: a container of Snowflake's has no way out unless it is given one. The packages are
large, so they are imported here, when this engine is asked for, and nowhere else.
"""

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from textjob import sentences
from textjob.errors import JobError
from textjob.sentiment import label_of

SENTIMENT_FOLDER = "distilbert-base-uncased-finetuned-sst-2-english"
SUMMARY_FOLDER = "t5-small"

# Both models were trained on at most 512 tokens; what is behind them is not read.
_MOST_TOKENS = 512
_SUMMARY_TOKENS = 80


class ModelSentiment:
    """Label and score by DistilBERT."""

    def __init__(self, folder: Path) -> None:
        transformers = _transformers()
        self._pipeline = transformers.pipeline(
            "text-classification", model=str(folder), tokenizer=str(folder), top_k=None
        )

    def analyse(self, texts: Sequence[str]) -> list[tuple[Any, ...]]:
        """Return (label, score) of each text; the score is how far positive outweighs negative."""
        spoken = [text for text in texts if text.strip()]
        answers = iter(
            self._pipeline(spoken, truncation=True, max_length=_MOST_TOKENS, batch_size=16)
            if spoken
            else ()
        )
        return [_judged(next(answers)) if text.strip() else ("neutral", 0.0) for text in texts]


class ModelSummary:
    """A few sentences in the words of T5.

    It generates with the model itself: the summarization pipeline is gone from transformers 5.
    """

    def __init__(self, folder: Path) -> None:
        transformers = _transformers()
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
        self._model = transformers.AutoModelForSeq2SeqLM.from_pretrained(str(folder))

    def analyse(self, texts: Sequence[str]) -> list[tuple[Any, ...]]:
        """Return (summary,) of each text."""
        return [(self._summary(sentences.normalize(text)),) for text in texts]

    def _summary(self, text: str) -> str:
        if not text:
            return ""
        # One at a time: in a batch the short texts would be padded to the longest.
        tokens = self._tokenizer(
            f"summarize: {text}", return_tensors="pt", truncation=True, max_length=_MOST_TOKENS
        )
        written = self._model.generate(
            **tokens, max_new_tokens=_SUMMARY_TOKENS, num_beams=2, no_repeat_ngram_size=3
        )
        return sentences.normalize(self._tokenizer.decode(written[0], skip_special_tokens=True))


def load_sentiment(model_folder: Path) -> ModelSentiment:
    """Load DistilBERT from its folder below the model folder."""
    return ModelSentiment(_model(model_folder, SENTIMENT_FOLDER))


def load_summary(model_folder: Path) -> ModelSummary:
    """Load T5 from its folder below the model folder."""
    return ModelSummary(_model(model_folder, SUMMARY_FOLDER))


def _judged(answer: list[dict[str, Any]]) -> tuple[str, float]:
    share = {str(one["label"]).upper(): float(one["score"]) for one in answer}
    score = round(share.get("POSITIVE", 0.0) - share.get("NEGATIVE", 0.0), 4)
    # The model knows two answers; one it is not sure of is the nearest it has to neutral.
    return label_of(score), score


def _model(model_folder: Path, name: str) -> Path:
    folder = model_folder / name
    if not (folder / "config.json").is_file():
        raise JobError(
            f"there is no model in {folder}: --engine transformers loads what the image brings"
            " along; build it with Dockerfile.transformers, name another --model_folder, or use"
            " --engine light"
        )
    return folder


def _transformers() -> Any:
    # Never ask the hub, not even whether there is a newer file.
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        # transformers can be imported without torch and then fails later and less clearly.
        importlib.import_module("torch")
        return importlib.import_module("transformers")
    except ImportError as error:
        raise JobError(
            f"--engine transformers needs a package that is not installed ({error.name}): install"
            " requirements-transformers.txt, or use --engine light"
        ) from error
