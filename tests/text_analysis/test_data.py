"""The bundled reviews: what the example and the other tests rely on."""

from collections import Counter
from datetime import date


def test_shape(reviews: list[dict[str, str]]) -> None:
    """The columns, the ids and the dates are as documented."""
    assert list(reviews[0]) == [
        "review_id",
        "product",
        "language",
        "review_text",
        "written_on",
        "label",
    ]
    assert [int(r["review_id"]) for r in reviews] == list(range(1, len(reviews) + 1))
    assert all(date.fromisoformat(r["written_on"]) for r in reviews)
    assert len({r["product"] for r in reviews}) == 8
    texts = [r["review_text"] for r in reviews if r["review_text"].strip()]
    assert len(texts) == len(set(texts)) >= 240


def test_mixture(reviews: list[dict[str, str]]) -> None:
    """Labels, languages and odd texts come in the intended shares."""
    labels = Counter(r["label"] for r in reviews)
    labelled = len(reviews) - labels[""]
    assert 0.45 < labels["positive"] / labelled < 0.55
    assert 0.30 < labels["negative"] / labelled < 0.40
    assert 0.10 < labels["neutral"] / labelled < 0.20
    foreign = [r for r in reviews if r["language"] != "en"]
    assert 0.10 < len(foreign) / len(reviews) < 0.20
    # Only English has labels: the light engine reads no other language.
    assert not any(r["label"] for r in foreign)
    assert sum(3000 <= len(r["review_text"]) <= 12_000 for r in reviews) >= 5
    for piece in ("\n", "\\", "$$", "<p>", '"', "😍"):
        assert any(piece in r["review_text"] for r in reviews)
    assert any(not r["review_text"] for r in reviews)
