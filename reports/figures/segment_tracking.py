"""Forecast and what came segment by segment, as small charts side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.figures import style
from reports.wording.labels import short_names
from reports.wording.number_format import percent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST_PANELS = 8
_ACROSS = 4
_HEIGHT, _TOP, _BOTTOM = 1.2, 0.30, 0.1  # inches: of a row of charts, above the first row, below the last


class _Panels(style.Chart):
    """A figure of several charts, which are laid out by hand: none of them is to fill it."""

    def _fill(self, pad: float = 1.5) -> None:
        """Leave the charts where they are."""


def draw_tracking_by_segment(tracking: pd.DataFrame, segments: pd.DataFrame, *, period_name: str) -> str:
    """Repeat orders held back, added up, actual and forecast, one chart for each of the segments (``segment, error``).

    Both start at nothing where the part held back begins.
    """
    rows = -(-len(segments) // _ACROSS)
    height = _TOP + rows * _HEIGHT + _BOTTOM
    labels = short_names(segments["segment"], 22)
    with _Panels(style.FULL_WIDTH, height) as chart:
        chart.axes.remove()
        for place, (segment, error) in enumerate(segments[["segment", "error"]].itertuples(index=False)):
            row, column = divmod(place, _ACROSS)
            bottom = height - _TOP - (row + 1) * _HEIGHT + 0.34
            corner = (column + 0.2) / _ACROSS, bottom / height
            axes = chart.figure.add_axes((*corner, 0.75 / _ACROSS, (_HEIGHT - 0.48) / height), facecolor="none")
            _draw_panel(axes, tracking[tracking["segment"] == segment])
            _write_inside(axes, labels[str(segment)], (0, 1), colour=style.INK, above=True)
            if error == error:
                _write_inside(axes, percent(float(error), 0, signed=True), (0.04, 0.96), colour=style.VALUE)
        chart.figure.legend(
            *axes.get_legend_handles_labels(), loc="upper left", bbox_to_anchor=(0.04, 1.0), ncols=2, borderpad=0,
            handlelength=1.6, columnspacing=1,
        )  # fmt: skip
        chart.figure.text(0.5, 0.04 / height, f"{period_name.capitalize()}s held back", ha="center", color=style.MUTED)
        return chart.svg()


def _draw_panel(axes: Axes, weeks: pd.DataFrame) -> None:
    """The lines of one segment from the beginning of the part held back on."""
    before, held = weeks[~weeks["is_holdout"]], weeks[weeks["is_holdout"]]
    start = float(before["cumulative_actual"].iloc[-1]) if len(before) else 0.0
    across = range(len(held) + 1)
    actual, forecast = (
        [0.0, *(float(value) - start for value in held[name])] for name in ("cumulative_actual", "cumulative_forecast")
    )
    axes.plot(across, actual, color=style.INK, linewidth=1.0, label="Actual")
    axes.plot(across, forecast, color=style.VALUE, linewidth=1.4, linestyle=(0, (4, 1.5)), label="Forecast")
    axes.set_xlim(0, max(1, len(held)))
    axes.set_ylim(bottom=0)
    axes.grid(axis="y")
    style.thousands(axes.yaxis, most=3)
    axes.set_xticks([0, len(held)])


def _write_inside(axes: Axes, text: str, place: tuple[float, float], *, colour: str, above: bool = False) -> None:
    """A small text at a place of the chart (0 to 1), below it or above it."""
    axes.annotate(
        text, place, xycoords="axes fraction", xytext=(0, 3 if above else 0), textcoords="offset points",
        ha="left", va="bottom" if above else "top", fontsize=6.5, color=colour,
    )  # fmt: skip
