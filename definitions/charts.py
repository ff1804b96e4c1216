"""The picture of the joined table: how the scores lie, and what is said of each product."""

import base64
import io
import textwrap
from collections.abc import Sequence
from typing import Any

import dagster as dg
from matplotlib.figure import Figure

_LABELS = {"positive": "#2e7d32", "neutral": "#b0bec5", "negative": "#c62828"}
_DOTS_PER_INCH = 90
_MOST_PRODUCTS = 20
"""Bars that stay readable."""
_LONGEST_NAME = 32


def insights_picture(
    scores: Sequence[float], products: Sequence[Sequence[Any]]
) -> dg.MarkdownMetadataValue:
    """Return a picture that a metadata value can hold: a PNG inside Markdown.

    Args:
        scores: from -1 to 1, one a review.
        products: rows of product, reviews, positive, neutral and negative ones, mean score.
    """
    shown = products[:_MOST_PRODUCTS]
    figure = Figure(figsize=(9, 2.2 + 0.28 * max(4, len(shown))), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    left.hist(scores, bins=20, range=(-1, 1), color="#1565c0")
    left.set_title("Distribution of the scores")
    left.set_xlabel("score")
    left.set_ylabel("reviews")
    _draw_shares(right, shown)
    if len(products) > len(shown):
        right.set_xlabel(f"share of the reviews (first {len(shown)} of {len(products)} products)")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DOTS_PER_INCH)
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return dg.MetadataValue.md(f"![scores and shares](data:image/png;base64,{encoded})")


def _draw_shares(axes: Any, products: Sequence[Sequence[Any]]) -> None:
    # The first row stands on top.
    names = [f"{_shown(row[0])} ({int(row[1])})" for row in products][::-1]
    begin = [0.0] * len(names)
    for place, (label, colour) in enumerate(_LABELS.items(), start=2):
        shares = [int(row[place]) / max(1, int(row[1])) for row in products][::-1]
        axes.barh(names, shares, left=begin, color=colour, label=label)
        begin = [start + share for start, share in zip(begin, shares, strict=True)]
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter("{x:.0%}")
    axes.set_title("Shares by product (reviews)")
    axes.set_xlabel("share of the reviews")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=3, frameon=False)


def _shown(name: object) -> str:
    # Matplotlib takes what stands between two dollar signs for a formula.
    return textwrap.shorten(str(name), _LONGEST_NAME, placeholder=" …").replace("$", r"\$")
