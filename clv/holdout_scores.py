"""How close forecasts of single customers came: scores beside naive rivals, the spread of orders, and that of spend."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from clv.arrays import of_all
from clv.calendar import DAYS_PER_WEEK, Floats
from clv.histories import ALL
from clv.nbd import NBD
from clv.order_laws import OrderLaw
from clv.segment_patterns import Indices
from clv.segments import SegmentModels
from clv.spend_laws import SpendLaw
from customer_data.errors import ModelError

if TYPE_CHECKING:
    import pandas as pd

_LAST_FREQUENCY: Final = 7  # and more, in one group
_BINS: Final = 10  # of the probability integral transform
_SPEND_BINS: Final = 20
_SPEND_SHOWN: Final = 0.99  # of the customers; the few with more would stretch the table


def rival_forecasts(fitted: SegmentModels, *, weeks: float, share_of_past: float) -> Mapping[str, Floats]:
    """Orders in the holdout of one customer of each pattern, foretold without a model of leaving.

    "repeat the past" expects the orders so far, scaled by the length of the holdout to that of the time before it; NBD
    that nobody leaves. NBD is missing where it cannot be fitted.
    """
    patterns = fitted.patterns
    rivals = {"repeat the past": patterns.x * share_of_past}
    try:
        nbd = NBD().fit(patterns.histories())
    except ModelError:
        return rivals
    in_weeks = patterns.t_x / DAYS_PER_WEEK, patterns.T / DAYS_PER_WEEK
    return rivals | {"NBD": nbd.expected_orders(weeks, patterns.x, *in_weeks)}


def score_table(
    forecasts: Mapping[str, Floats], actual: Floats, customers: Floats, segment: Indices, names: tuple[str, ...]
) -> "pd.DataFrame":
    """Scores of every method in every segment.

    Parameters
    ----------
    forecasts : mapping of str to ndarray
        Method to the forecast of one customer, entry by entry.
    actual, customers, segment : ndarray
        What came, how many customers an entry stands for, and the index of their segment.

    Returns
    -------
    DataFrame
        segment, method, customers, total, error (of the total, relative), bias (mean of forecast - actual per
        customer), mae, rmse, correlation; error is missing where nothing was bought, correlation where either side does
        not vary.
    """
    import pandas as pd

    rows = []
    for index, name in enumerate(names):
        here = segment == index
        weight, seen = customers[here], actual[here]
        if weight.sum() > 0:
            rows += [
                {"segment": name, "method": method, **_scores(forecast[here], seen, weight)}
                for method, forecast in forecasts.items()
            ]
    return pd.DataFrame(rows)


def order_probability(n: Floats, weeks: float, law: OrderLaw, x: Floats, t_x: Floats, T: Floats) -> Floats:
    """P(n orders in (T, T + weeks] | x, t_x, T): who has left orders nothing."""
    alive = law.p_alive(x, t_x, T)
    return of_all(n, alive, law.probability_among_living(n, weeks, x, T))


def pit_of_orders(
    fitted: SegmentModels, pattern: Indices, orders: Floats, customers: Floats, *, weeks: float
) -> "pd.DataFrame":
    """Where the orders that came lie in their predicted distributions: segment, low, high, share, expected.

    The probability integral transform of counts, not randomised (Czado, Gneiting & Held 2009, Biometrics 65, eq. 2): a
    customer with n orders is spread evenly over [P(X < n), P(X <= n)]. Under a true model every tenth holds a tenth; a
    hump in the middle means distributions too wide, a pit too narrow, a slope biased ones.
    """
    import pandas as pd

    patterns = fitted.patterns
    model = fitted.of_segment[patterns.segment[pattern]]
    below, upto = np.zeros(len(orders)), np.zeros(len(orders))
    for index, customer_model in enumerate(fitted.models):
        rows = np.flatnonzero(model == index)
        for n in range(int(orders[rows].max(initial=-1.0)) + 1):
            rows = rows[orders[rows] >= n]
            at = pattern[rows]
            below[rows] = upto[rows]
            upto[rows] += order_probability(
                np.full(len(rows), float(n)),
                weeks,
                customer_model.orders,
                patterns.x[at],
                patterns.t_x[at] / DAYS_PER_WEEK,
                patterns.T[at] / DAYS_PER_WEEK,
            )
    tables = [
        pit_table(below[here], upto[here], customers[here]).assign(segment=name)
        for name, here in _rows_by_segment(fitted, pattern)
    ]
    return pd.concat(tables, ignore_index=True)[["segment", "low", "high", "share", "expected"]]


def pit_table(below: Floats, upto: Floats, customers: Floats) -> "pd.DataFrame":
    """Shares of customers in equal parts of [0, 1], each spread evenly from ``below`` to ``upto``."""
    import pandas as pd

    edges = np.linspace(0, 1, _BINS + 1)
    start = np.minimum(below, 1 - 1e-12)
    width = np.maximum(np.minimum(upto, 1.0) - start, 1e-12)
    reached = [float(customers @ np.clip((edge - start) / width, 0.0, 1.0)) for edge in edges]
    share = np.diff(reached) / float(customers.sum())
    return pd.DataFrame({"low": edges[:-1], "high": edges[1:], "share": share, "expected": 1 / _BINS})


def by_frequency(
    fitted: SegmentModels, pattern: Indices, orders: Floats, customers: Floats, expected: Floats
) -> "pd.DataFrame":
    """Mean orders per customer, actual and forecast, by repeat purchases before: the table ``by_frequency``.

    ``pattern, orders, customers`` are those of `clv.holdout_check.Outcomes`; ``expected`` is of one customer of each
    pattern.
    """
    import pandas as pd

    groups = np.array([*(str(x) for x in range(_LAST_FREQUENCY)), f"{_LAST_FREQUENCY}+"], dtype=object)
    tables = []
    for name, here in _rows_by_segment(fitted, pattern):
        bins = np.minimum(fitted.patterns.x[pattern[here]], _LAST_FREQUENCY).astype(np.intp)
        number, actual, forecast = (
            np.bincount(bins, weights=customers[here] * amount, minlength=len(groups))
            for amount in (np.ones(len(bins)), orders[here], expected[pattern[here]])
        )
        some = number > 0
        columns = {
            "segment": name,
            "frequency": groups[some],
            "customers": np.rint(number[some]).astype(np.int64),
            "actual_mean": actual[some] / number[some],
            "forecast_mean": forecast[some] / number[some],
        }
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True)


def _rows_by_segment(fitted: SegmentModels, pattern: Indices) -> Iterator[tuple[str, "Indices | slice"]]:
    """Each segment that has customers, with its rows of outcomes, and ``all`` with all of them last."""
    names = fitted.patterns.segments
    if names != (ALL,):
        owner = fitted.patterns.segment[pattern]
        for index, name in enumerate(names):
            if len(here := np.flatnonzero(owner == index)):
                yield name, here
    yield ALL, slice(None)


def spend_density_by_segment(fitted: SegmentModels, spend: "pd.DataFrame") -> "pd.DataFrame":
    """What `spend_density` finds per segment, with ``segment``, and of all customers last, each under its own law.

    ``spend`` has the columns ``segment, frequency, monetary_value, weight``.
    """
    import pandas as pd

    names = fitted.patterns.segments
    parts = dict(list(spend.groupby("segment", sort=True)))
    laws = {name: fitted.models[model].spend.law for name, model in zip(names, fitted.of_segment, strict=True)}
    known = [name for name in names if name in parts]
    tables = [spend_density([(laws[name], parts[name])]).assign(segment=name) for name in known if names != (ALL,)]
    together = spend_density([(laws[name], parts[name]) for name in known]).assign(segment=ALL)
    table = pd.concat([*tables, together], ignore_index=True)
    return table[["segment", *(name for name in table if name != "segment")]]


def spend_density(parts: "Sequence[tuple[SpendLaw, pd.DataFrame]]") -> "pd.DataFrame":
    """Mean spend per order of repeat customers against the law of spend: low, high, customers, observed, expected.

    Given x orders of mean m, x m / (v + x m) follows Beta(p x, q) (Fader & Hardie, note 025, eq. 1a): the expected
    density is the mean of these over the customers' x. Both are per unit of the currency, among all repeat customers;
    the table ends where 99 % of them lie.

    Parameters
    ----------
    parts : sequence of (SpendLaw, DataFrame)
        The customers of each law: frequency, monetary_value, weight.
    """
    import pandas as pd
    from scipy.special import betainc

    names = ("frequency", "monetary_value", "weight")
    columns = [[spend[name].to_numpy(dtype=np.float64) for name in names] for _, spend in parts]
    mean, weight = (np.concatenate([np.zeros(0), *(column[at] for column in columns)]) for at in (1, 2))
    if not len(mean):
        return pd.DataFrame({name: np.zeros(0) for name in ("low", "high", "customers", "observed", "expected")})
    order = np.argsort(mean)
    end = mean[order][np.searchsorted(np.cumsum(weight[order]), _SPEND_SHOWN * weight.sum())]
    edges = np.linspace(0, end * (1 + 1e-9), _SPEND_BINS + 1)
    found = np.histogram(mean, bins=edges, weights=weight)[0]
    reached = np.zeros(len(edges))
    for (law, _), (x, _, of_law) in zip(parts, columns, strict=True):
        counts, place = np.unique(x, return_inverse=True)
        total = np.multiply.outer(edges, counts)
        reached += betainc(law.p * counts, law.q, total / (law.v + total)) @ np.bincount(place, weights=of_law)
    unit = float(weight.sum()) * np.diff(edges)
    return pd.DataFrame(
        {
            "low": edges[:-1],
            "high": edges[1:],
            "customers": found,
            "observed": found / unit,
            "expected": np.diff(reached) / unit,
        }
    )


def relative_error(forecast: Floats, actual: Floats) -> Floats:
    """forecast / actual - 1, missing where nothing came."""
    return np.where(actual > 0, forecast / np.where(actual > 0, actual, 1.0) - 1, np.nan)


def _scores(forecast: Floats, actual: Floats, customers: Floats) -> dict[str, float]:
    share = customers / customers.sum()
    total, error = float(customers @ forecast), forecast - actual
    varied = share @ (forecast - share @ forecast) ** 2 * (share @ (actual - share @ actual) ** 2)
    covaried = share @ ((forecast - share @ forecast) * (actual - share @ actual))
    return {
        "customers": float(customers.sum()),
        "total": total,
        "error": float(relative_error(np.array([total]), np.array([customers @ actual]))[0]),
        "bias": float(share @ error),
        "mae": float(share @ np.abs(error)),
        "rmse": float(np.sqrt(share @ error**2)),
        "correlation": float(covaried / np.sqrt(varied)) if varied > 0 else float("nan"),
    }
