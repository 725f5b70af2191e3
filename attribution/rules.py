"""Rules of credit: how one conversion is shared among the touches of its path by their positions alone.

Every rule gives each touch a share that is 0 or more, and the shares of a path sum to 1, so that credit conserves
conversions and value.

- U, J and inverse J are Adobe Analytics' models of those names: 40/20/40, 20/20/60 and 60/20/20 for the first touch,
  the ones between (equally) and the last; with two touches first and last keep their proportion (a J gives 25/75).
- W gives 30 % each to the first, the middle and the last touch and 10 % to the others equally, as HubSpot does with the
  touches that brought the visit, the lead and the deal; a path knows no stages, so the middle touch stands for the
  lead: the earlier of the two middle ones in a path of even length. Three touches get a third each, two a half.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attribution import ragged
from attribution.direct import direct_codes
from attribution.paths import Paths
from attribution.ragged import Floats
from customer_data.errors import ConfigurationError

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True)
class RuleOptions:
    """What the rules with options need.

    Attributes
    ----------
    position_weights
        First touch, the touches between, last touch, for ``position_based``; they sum to 1.
    custom_weights
        Weights counted back from the last touch, for ``custom``: the last touch, the one before it, and so on. Earlier
        touches than weights get nothing; a path's weights are divided by their sum. The first is above 0.
    direct
        Name or names of the channels that ``last_non_direct_click`` and ``drop_direct_unless_alone`` pass over, see
        :mod:`attribution.direct`: ``"direct"`` also finds ``"(Direct)"``.

    Raises
    ------
    ConfigurationError
        When weights are negative or not finite, or do not sum to what they must, or direct is no name; all at once.
    """

    position_weights: tuple[float, float, float] = (0.4, 0.2, 0.4)
    custom_weights: tuple[float, ...] = (1.0,)
    direct: str | Sequence[str] = "direct"

    def __post_init__(self) -> None:
        first_middle_last, custom = (_as_numbers(given) for given in (self.position_weights, self.custom_weights))
        problems = []
        if first_middle_last.shape != (3,) or not _fit_as_weights(first_middle_last):
            problems.append(
                f"position_weights: {self.position_weights!r} are not three weights of 0 or more. "
                "Give those of the first touch, of all between and of the last, such as (0.4, 0.2, 0.4)."
            )
        elif abs(first_middle_last.sum() - 1) > 1e-9:
            problems.append(
                f"position_weights: {self.position_weights!r} sum to {first_middle_last.sum():g}. Make them sum to 1."
            )
        if custom.ndim != 1 or len(custom) == 0 or not _fit_as_weights(custom) or custom[0] <= 0:
            problems.append(
                f"custom_weights: {self.custom_weights!r} are not weights of 0 or more, the first above 0. "
                "Count them back from the last touch, such as (0.5, 0.3, 0.2)."
            )
        if not isinstance(self.direct, Iterable) or not all(isinstance(name, str) for name in self.direct):
            problems.append(f'direct: {self.direct!r} is no name. Give one or several, such as "direct".')
        if problems:
            raise ConfigurationError("\n".join(problems))


def _as_numbers(given: object) -> Floats:
    """An array of them; of what are none a missing one, which fits nowhere."""
    try:
        return np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        return np.full(1, np.nan)


def _fit_as_weights(weights: Floats) -> bool:
    return bool(np.isfinite(weights).all() and (weights >= 0).all())


def touch_shares(paths: Paths, rule: str, options: RuleOptions) -> Floats:
    """The share of every touch under a rule.

    Parameters
    ----------
    paths
        Distinct paths.
    rule
        One of ``RULES``.
    options
        Weights and the names of direct channels.

    Returns
    -------
    Array aligned with ``paths.codes``; the shares of each path are 0 or more and sum to 1.
    """
    return RULES[rule](paths, options)


def channel_shares(paths: Paths, rule: str, options: RuleOptions) -> "csr_array":
    """The share of each channel (column) in each distinct path (row) under a rule, sparse."""
    from scipy.sparse import csr_array

    shares = csr_array(
        (touch_shares(paths, rule, options), paths.codes, paths.starts),
        shape=(len(paths), len(paths.channels)),
        copy=True,
    )
    shares.sum_duplicates()
    shares.eliminate_zeros()
    return shares


def _only(paths: Paths, touch: ragged.Integers) -> Floats:
    shares = np.zeros(len(paths.codes))
    shares[touch] = 1.0
    return shares


def _first_click(paths: Paths, options: RuleOptions) -> Floats:
    return _only(paths, paths.starts[:-1])


def _last_click(paths: Paths, options: RuleOptions) -> Floats:
    return _only(paths, paths.starts[1:] - 1)


def _last_non_direct_click(paths: Paths, options: RuleOptions) -> Floats:
    """The last touch of another channel than direct; a path of direct touches alone goes to its last."""
    is_other = np.ones(len(paths.channels), dtype=bool)
    is_other[direct_codes(paths.channels, options.direct)] = False
    last = paths.starts[1:] - 1
    others = np.flatnonzero(is_other[paths.codes])
    chosen = last.copy()
    chosen[paths.rows[others]] = others
    return _only(paths, chosen)


def _linear(paths: Paths, options: RuleOptions) -> Floats:
    return np.repeat(1.0 / paths.lengths, paths.lengths)


def _position_based(paths: Paths, options: RuleOptions) -> Floats:
    return _first_middle_last(paths, *options.position_weights)


def _shaped(first: float, middle: float, last: float) -> "Callable[[Paths, RuleOptions], Floats]":
    return lambda paths, options: _first_middle_last(paths, first, middle, last)


def _first_middle_last(paths: Paths, first: float, middle: float, last: float) -> Floats:
    between = np.maximum(paths.lengths - 2, 1)
    weights = np.repeat(middle / between, paths.lengths)
    weights[paths.starts[:-1]] = first
    weights[paths.starts[1:] - 1] = last
    return _normalised(paths, weights)


def _w_shaped(paths: Paths, options: RuleOptions) -> Floats:
    others = np.maximum(paths.lengths - 3, 1)
    weights = np.repeat(0.1 / others, paths.lengths)
    begins, ends = paths.starts[:-1], paths.starts[1:] - 1
    for anchor in (begins, (begins + ends) // 2, ends):
        weights[anchor] = 0.3
    return _normalised(paths, weights)


def _custom(paths: Paths, options: RuleOptions) -> Floats:
    before_last = np.repeat(paths.lengths, paths.lengths) - 1 - ragged.positions(paths.lengths)
    given = np.append(np.asarray(options.custom_weights, dtype=float), 0.0)
    return _normalised(paths, given[np.minimum(before_last, len(given) - 1)])


def _normalised(paths: Paths, weights: Floats) -> Floats:
    """Divide weights by their sum in each path; a path whose weights are all 0 shares equally."""
    total = np.bincount(paths.rows, weights=weights, minlength=len(paths))[paths.rows]
    equal = np.repeat(1.0 / paths.lengths, paths.lengths)
    return np.divide(weights, total, out=equal, where=total > 0)


RULES: Mapping[str, Callable[[Paths, RuleOptions], Floats]] = {
    "first_click": _first_click,
    "last_click": _last_click,
    "last_non_direct_click": _last_non_direct_click,
    "linear": _linear,
    "position_based": _position_based,
    "u_shaped": _shaped(0.4, 0.2, 0.4),
    "w_shaped": _w_shaped,
    "j_shaped": _shaped(0.2, 0.2, 0.6),
    "inverse_j": _shaped(0.6, 0.2, 0.2),
    "custom": _custom,
}
