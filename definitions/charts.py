"""Small pictures out of text, which a metadata value can hold and any page shows."""

from collections.abc import Sequence
from typing import Any

_FULL = "█"
_WIDTH = 24


def score_histogram(scores: Sequence[float], bins: int = 8) -> str:
    """Return scores from -1 to 1 as horizontal bars, one a bin."""
    counts = [0] * bins
    for score in scores:
        counts[min(bins - 1, max(0, int((score + 1) / 2 * bins)))] += 1
    most = max(counts, default=0) or 1
    width = 2 / bins
    lines = [
        f"{-1 + index * width:+.2f} … {-1 + (index + 1) * width:+.2f}"
        f" {_FULL * round(count / most * _WIDTH)} {count}"
        for index, count in enumerate(counts)
    ]
    return "```text\n" + "\n".join(lines) + "\n```"


def share_bars(products: Sequence[Sequence[Any]]) -> str:
    """Return a Markdown table: product, reviews, and the share of each label as a bar."""
    lines = [
        "| product | reviews | positive ▓ neutral ▒ negative ░ | mean score |",
        "|---|---|---|---|",
    ]
    for product, reviews, positive, neutral, negative, score, *_ in products:
        bar = "".join(
            sign * round(int(count) / max(1, int(reviews)) * _WIDTH)
            for sign, count in (("▓", positive), ("▒", neutral), ("░", negative))
        )
        name = str(product).replace("|", "\\|")
        lines.append(f"| {name} | {reviews} | {bar} | {float(score or 0):+.2f} |")
    return "\n".join(lines)
