"""Cutting a text into sentences.

The package is sentencex (Wikimedia, MIT): rules for some 300 languages compiled into one wheel, no
corpus to download, several releases in 2026. Also looked at: NLTK's Punkt, and sumy which builds on
it, need a model fetched first; the last releases of pysbd and syntok are of 2021 and 2022.
"""

import re

import sentencex  # type: ignore[import-untyped,unused-ignore]

_SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")
_LAST_SPACE = re.compile(r"\s\S*\Z")


def normalize(text: str) -> str:
    """Put the text on one line: each run of white space or control characters is one space."""
    return _SPACE.sub(" ", text).strip()


def split(text: str, language: str) -> list[str]:
    """Return the sentences of a text in order, each on one line, none empty."""
    return [sentence for part in sentencex.segment(language, text) if (sentence := normalize(part))]


def shorten(text: str, longest: int) -> str:
    """Cut a text at a space, if there is one, and mark the cut."""
    if len(text) <= longest:
        return text
    cut = text[: longest - 1]
    return (_LAST_SPACE.sub("", cut) or cut) + "…"
