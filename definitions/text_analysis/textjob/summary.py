"""A summary made of the text's own sentences.

A sentence tells much when its words are frequent in the text as a whole; the first sentence of a
review usually names the subject. Function words are known by being short or everywhere, so no list
of them is needed for any language. The cost grows with the length of the text, not with the square
of the number of sentences as where every pair is compared (TextRank).
"""

import math
import re
from collections import Counter

from textjob import language, sentences

# Chosen sentences, at most; and the length they share unless a single one is longer.
_MOST_SENTENCES = 3
_LONGEST = 600
# A text of one or two sentences is its own summary up to here.
_LONGEST_WHOLE = 1000

_WORD = re.compile(r"[^\W\d_]{4,}")
# Scripts without spaces between words: pairs of characters stand in for words.
_UNSPACED = {"ja", "zh", "th"}
_FIRST_BONUS = 1.25


def summarize(text: str) -> str:
    """Return a summary.

    Of three sentences or more: some of them, in their order, shorter than the text. Of fewer: the
    text on one line, cut if it is very long. Of nothing: the empty string.
    """
    tongue = language.guess(text)
    # A row of emojis or dashes after a full stop is no sentence to choose.
    found = [
        sentence
        for sentence in sentences.split(text, tongue)
        if any(character.isalnum() for character in sentence)
    ]
    if len(found) < 3:
        return sentences.shorten(sentences.normalize(text), _LONGEST_WHOLE)
    gap = "" if tongue in _UNSPACED else " "
    return gap.join(found[at] for at in _chosen(found, tongue))


def _chosen(found: list[str], tongue: str) -> list[int]:
    bags = [_words(sentence, tongue) for sentence in found]
    counts = Counter(word for bag in bags for word in set(bag))
    ranks = [_weight(bag, counts, len(found)) for bag in bags]
    ranks[0] *= _FIRST_BONUS
    wanted = min(_MOST_SENTENCES, max(1, len(found) // 3))
    taken: list[int] = []
    said: set[str] = set()
    length = 0
    for at in sorted(range(len(found)), key=lambda at: (-ranks[at], at)):
        if length + len(found[at]) > _LONGEST or found[at] in said:
            continue
        taken.append(at)
        said.add(found[at])
        length += len(found[at])
        if len(taken) == wanted:
            break
    # Every sentence is longer than a summary may be: the shortest is the nearest to one.
    return sorted(taken) or [min(range(len(found)), key=lambda at: len(found[at]))]


def _words(sentence: str, tongue: str) -> list[str]:
    lowered = sentence.lower()
    if tongue in _UNSPACED:
        return [lowered[at : at + 2] for at in range(len(lowered) - 1)]
    return _WORD.findall(lowered)


def _weight(bag: list[str], counts: Counter[str], total: int) -> float:
    """How much of what the text keeps coming back to is in this sentence."""
    if not bag:
        return 0.0
    # A word in one sentence only links it to nothing; one in every sentence tells them not apart.
    shared = sum((counts[word] - 1) * math.log(1 + total / counts[word]) for word in set(bag))
    # The root keeps a long sentence from winning by its length alone.
    return (shared + 0.1 * len(set(bag))) / math.sqrt(len(bag) + 3)
