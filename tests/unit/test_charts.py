"""The example's picture, for any reviews."""

import base64

import pytest

from definitions.charts import insights_picture

ROW = ("Kettle", 40, 20, 10, 10, 0.2)


@pytest.mark.filterwarnings("ignore:Glyph")  # not every font has every letter
@pytest.mark.parametrize(
    "products",
    [
        pytest.param([ROW, ("Lamp", 3, 0, 0, 3, -1)], id="two"),
        pytest.param([], id="none"),
        pytest.param([("Nothing", 0, 0, 0, 0, None)], id="no-reviews"),
        pytest.param([("$a_b$ {x}^2 \\frac", *ROW[1:])], id="formula"),
        pytest.param([("x" * 500, *ROW[1:]), ("Ωμέγα 製品\n🙂", *ROW[1:])], id="odd-names"),
        pytest.param([(f"p{number}", *ROW[1:]) for number in range(300)], id="many"),
    ],
)
def test_picture(products: list) -> None:
    """A PNG small enough for an event, whatever the names."""
    scores = [0.5, -1.0, 1.0] if products else []
    text = insights_picture(scores, products).value
    beginning = "![scores and shares](data:image/png;base64,"
    assert text.startswith(beginning)
    raw = base64.b64decode(text.removeprefix(beginning)[:-1], validate=True)
    assert raw.startswith(b"\x89PNG")
    assert len(raw) < 100_000
