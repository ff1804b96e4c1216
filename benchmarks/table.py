"""A benchmark's result: figures in columns and, beside them, the bars they are held to."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Figure = str | int | float | None


@dataclass(frozen=True)
class Bar:
    """What was promised, and whether it was kept."""

    promise: str
    kept: bool

    def __str__(self) -> str:
        return f"{self.promise}: {'ok' if self.kept else 'MISSED'}"


@dataclass
class Table:
    """Rows of figures; a row may be held to several bars, or to none."""

    title: str
    columns: Sequence[str]
    rows: list[tuple[Sequence[Figure], Sequence[Bar]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, *figures: Figure, bars: Sequence[Bar] = ()) -> None:
        """Add a row with one figure a column, and tell on stderr that it is done."""
        if len(figures) != len(self.columns):
            raise ValueError(f"{len(figures)} figures for {len(self.columns)} columns")
        self.rows.append((figures, bars))
        say(f"  {', '.join(_shown(figure) for figure in figures if figure is not None)}")

    @property
    def missed(self) -> list[str]:
        """Each bar that was not kept, with the figures that tell the row."""
        return [
            f"{self.title} ({', '.join(_shown(each) for each in _names(figures))}): {bar.promise}"
            for figures, bars in self.rows
            for bar in bars
            if not bar.kept
        ]

    def text(self) -> str:
        """Return the table as aligned text: words to the left, numbers to the right."""
        body = [[_shown(figure) for figure in figures] for figures, _ in self.rows]
        widths = [max(map(len, cells)) for cells in zip(self.columns, *body, strict=True)]
        first = [figures for figures, _ in self.rows][:1] or [self.columns]
        is_word = [isinstance(figure, str) for figure in first[0]]

        def line(cells: Sequence[str], bars: Sequence[object]) -> str:
            aligned = (
                cell.ljust(width) if word else cell.rjust(width)
                for cell, width, word in zip(cells, widths, is_word, strict=True)
            )
            return "  ".join([*aligned, "; ".join(map(str, bars))]).rstrip()

        head = line(self.columns, ["bar"] if any(bars for _, bars in self.rows) else [])
        lines = [line(cells, bars) for cells, (_, bars) in zip(body, self.rows, strict=True)]
        notes = [f"- {note}" for note in self.notes]
        return "\n".join([self.title, "=" * len(self.title), head, *lines, *notes])

    def to_json(self) -> dict[str, Any]:
        """Return the table as plain data."""
        return {
            "title": self.title,
            "rows": [
                {
                    **dict(zip(self.columns, figures, strict=True)),
                    "bars": [{"promise": bar.promise, "kept": bar.kept} for bar in bars],
                }
                for figures, bars in self.rows
            ],
            "notes": self.notes,
        }


def say(text: str) -> None:
    """Tell on stderr how far it has come; the tables alone are on stdout."""
    print(text, file=sys.stderr, flush=True)


def _names(figures: Sequence[Figure]) -> list[Figure]:
    """Return what tells a row from the others: what was chosen, not what was measured."""
    return [figure for figure in figures[:3] if figure and not isinstance(figure, float)]


def _shown(figure: Figure) -> str:
    if figure is None:
        return "-"
    if isinstance(figure, float):
        return f"{figure:,.0f}" if figure >= 100 else f"{figure:.{2 if figure >= 1 else 3}f}"
    return f"{figure:,}" if isinstance(figure, int) else figure
