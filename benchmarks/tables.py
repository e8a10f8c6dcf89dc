"""What was measured: figures, their values round by round, and a table of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Any

from rich.table import Table as Drawing


@dataclass(frozen=True)
class Figure:
    """Something that is measured, and its unit."""

    name: str
    unit: str


@dataclass(frozen=True)
class Series:
    """What one contestant reached in one figure, a value for each round."""

    contestant: str
    figure: Figure
    values: list[float]

    @property
    def median(self) -> float:
        """The middle of the values."""
        return median(self.values)

    def to_json(self) -> dict[str, Any]:
        """Return the series as it is kept in a file."""
        return {
            "contestant": self.contestant,
            "figure": self.figure.name,
            "unit": self.figure.unit,
            "median": self.median,
            "lowest": min(self.values),
            "highest": max(self.values),
            "values": self.values,
        }


@dataclass
class Table:
    """What one benchmark found.

    Attributes:
        fsync: p50 of the store's disk before each round, in µs.
        others: share of the processors that others used before each round, in %.
        remarks: what a reader must know beside the numbers.
    """

    series: list[Series]
    fsync: list[float]
    others: list[float]
    remarks: list[str] = field(default_factory=list)

    def find(self, contestant: str, figure: Figure) -> Series | None:
        """Return a series, if it was measured."""
        for series in self.series:
            if (series.contestant, series.figure) == (contestant, figure):
                return series
        return None

    def compare(self, ours: str, theirs: str, figure: Figure) -> None:
        """Add the ratio of two contestants, taken within each round: neighbours slow both alike."""
        one, other = self.find(ours, figure), self.find(theirs, figure)
        if one is not None and other is not None:
            ratios = [mine / peer for mine, peer in zip(one.values, other.values, strict=True)]
            self.series.append(Series(f"{ours} / {theirs}", Figure(figure.name, "×"), ratios))

    def draw(self, name: str) -> Drawing:
        """Draw the table for a terminal."""
        rounds = len(self.fsync)
        caption = (
            f"{rounds} rounds · fsync p50 {_number(median(self.fsync))} µs "
            f"({_number(min(self.fsync))}–{_number(max(self.fsync))}) · "
            f"others used {median(self.others):.0f} % of the processors ({max(self.others):.0f} % at most)"
        )
        drawing = Drawing(title=name, title_style="bold", title_justify="left", min_width=100)
        drawing.caption_justify = "left"
        drawing.caption = "\n".join([caption, *self.remarks])
        for heading in ("contestant", "figure"):
            drawing.add_column(heading, no_wrap=True)
        for heading in ("median", "spread"):
            drawing.add_column(heading, justify="right", no_wrap=True)
        drawing.add_column("")
        for series in self.series:
            spread = f"{_number(min(series.values))}–{_number(max(series.values))}"
            figure = series.figure
            drawing.add_row(series.contestant, figure.name, _number(series.median), spread, figure.unit)
        return drawing

    def to_json(self) -> dict[str, Any]:
        """Return the table as it is kept in a file."""
        return {
            "series": [series.to_json() for series in self.series],
            "fsync_p50_us": self.fsync,
            "others_percent": self.others,
            "remarks": self.remarks,
        }


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
