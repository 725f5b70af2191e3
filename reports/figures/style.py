"""How every chart looks, and how it becomes the same SVG each time.

Colours mean the same thing everywhere and are told apart by colour-blind readers (Okabe and Ito's blue, vermilion and
green, darkened to stand on white): last click is grey, the Markov model blue, customers' value green, what really
happened is ink, and vermilion marks what last click gives too much.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#1f2a37"
MUTED = "#5d6673"
HAIRLINE = "#d4d9df"
BASELINE = "#8b929c"
MODEL = "#0b5f9e"
VALUE = "#0a7a5c"
OVER = "#b8480a"
PAPER = "#ffffff"
PALE_MODEL = "#dbe8f3"

FULL_WIDTH = 6.7
HALF_WIDTH = 3.28
TEXT_SIZE = 7.5

_SETTINGS: Any = {
    "font.family": ["DejaVu Sans"],
    "font.size": TEXT_SIZE,
    "text.parse_math": False,
    "text.color": INK,
    "svg.fonttype": "none",
    "svg.hashsalt": "pathworth",
    "axes.edgecolor": HAIRLINE,
    "axes.labelcolor": MUTED,
    "axes.labelsize": TEXT_SIZE,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "axes.axisbelow": True,
    "xtick.color": HAIRLINE,
    "ytick.color": HAIRLINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": TEXT_SIZE,
    "ytick.labelsize": TEXT_SIZE,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "grid.color": "#e9ecef",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": TEXT_SIZE,
    "path.simplify": False,
}


class Chart:
    """One figure of one plot, drawn under our settings without touching anybody's global ones.

    ``with Chart(width, height) as chart:`` gives ``chart.axes``; ``chart.svg()`` inside the block gives the drawing.
    """

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.figure: Figure
        self.axes: Axes
        self._context: Any = None
        self._canvas: Any = None

    def __enter__(self) -> Chart:
        import matplotlib
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

        self._context = matplotlib.rc_context(_SETTINGS)
        self._context.__enter__()
        self.figure = Figure(figsize=(self.width, self.height), facecolor="none")
        self._canvas = FigureCanvasSVG(self.figure)
        self.axes = self.figure.add_subplot(facecolor="none")
        return self

    def __exit__(self, *error: object) -> None:
        self._context.__exit__(*error)

    def svg(self) -> str:
        """The drawing, byte for byte the same for the same numbers; a face without a glyph is the renderer's matter."""
        buffer = io.StringIO()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            self._fill()
            self._canvas.print_svg(buffer, metadata={"Date": None, "Creator": None})
        return buffer.getvalue()

    def _fill(self, pad: float = 1.5) -> None:
        """Let the plot with its labels fill the figure; their room is measured once (a layout engine does twice)."""
        outer, inner = self.axes.get_tightbbox(for_layout_only=True) or self.axes.bbox, self.axes.bbox
        wide, high = self.figure.bbox.width, self.figure.bbox.height
        left, bottom = inner.x0 - outer.x0 + pad, inner.y0 - outer.y0 + pad
        right, top = outer.x1 - inner.x1 + pad, outer.y1 - inner.y1 + pad
        self.axes.set_position((left / wide, bottom / high, 1 - (left + right) / wide, 1 - (bottom + top) / high))


def thousands(axis: Any, *, most: int = 6, whole: bool = False) -> None:
    """Write an axis' ticks as 1,000 rather than 1000, about ``most`` of them; at ``whole`` numbers where it is long."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    from reports.wording.number_format import number

    axis.set_major_locator(MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10], integer=whole, min_n_ticks=1))

    def write(value: float, _position: object) -> str:
        decimals = next((d for d in range(5) if abs(value - round(value, d)) < 1e-9 * max(1.0, abs(value))), 5)
        return number(value, decimals)

    axis.set_major_formatter(FuncFormatter(write))


def money_rows(axes: Any, names: Sequence[str], *, label: str) -> None:
    """Let rows from top to bottom bear these names, over an axis of money with this label."""
    axes.set_yticks(range(len(names)), names, color=INK)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel(label)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)
    money_axis(axes.xaxis)


def money_axis(axis: Any) -> None:
    """Write an axis' ticks as 50k or 1.2M."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _position: compact(value)))


def compact(value: float) -> str:
    """A number in three digits at most with its scale: 950, 1.2k, 50k, 1.25M, 3B."""
    for scale, suffix in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= scale:
            return f"{value / scale:.3g}{suffix}".replace("-", "−")
    return f"{value:.3g}".replace("-", "−")


def row_height(rows: int, *, per_row: float = 0.235, rest: float = 0.5, least: float = 1.1) -> float:
    """Height in inches of a chart with one line per row."""
    return max(least, rows * per_row + rest)
