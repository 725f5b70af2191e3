"""Days of purchase: models of orders fitted to histories that hold one purchase a day at most.

A customer who orders at the rate lambda (per day) orders on a day at all with the chance 1 - exp(-lambda). For x days
with and T - x days without an order the likelihood is

    (1 - exp(-lambda))^x exp(-lambda (T - x)) = lambda^x exp(-lambda (T - x / 2)) (1 + O(x lambda^2 / 24)):

that of orders in continuous time, but each purchase takes half a day from the time in which the next can be told from
it. So BG/NBD and MBG/NBD are fitted, and P(alive) found, with T - x / 2 and t_x - x / 2 days in place of T and t_x.

What is forecast are days of purchase, too: lambda - lambda^2 / 2 of them per day, and a customer who leaves after some
day of purchase stays as much longer as they are fewer. With lambda from Gamma(r + x, alpha + T - x / 2) their rate is

    E[lambda] - E[lambda^2] / 2 = (r + x) / (alpha + (r + 1) / 2 + T) (1 + O(lambda^2)):

that of continuous time again, at the whole T, with (r + 1) / 2 days more of alpha. Continuous time itself forecasts too
much: a customer's quiet days seem likelier than they are, and too few customers to have left.

Under Pareto/NBD, where customers leave whether they order or not, time is continuous.
"""

from dataclasses import replace
from typing import Final, Literal, TypeAlias, get_args

import numpy as np

from clv.calendar import DAYS_PER_WEEK
from clv.patterns import Patterns
from customer_data.errors import ConfigurationError

OrderTime: TypeAlias = Literal["days", "continuous"]

DAY: Final = 1 / DAYS_PER_WEEK
"""In weeks, the unit of the models behind forecasts."""


def day_of_time(order_time: OrderTime) -> float:
    """The time, in weeks, that holds one purchase at most; 0 where time is continuous.

    Raises
    ------
    ConfigurationError
        ``order_time`` is neither "days" nor "continuous".
    """
    if order_time not in get_args(OrderTime):
        raise ConfigurationError(f"order_time is {order_time!r}; it must be 'days' or 'continuous'.")
    return DAY if order_time == "days" else 0.0


def without_taken_time(patterns: Patterns, day: float) -> Patterns:
    """The patterns with half a day less of t_x and of T for each purchase, in the unit of the patterns.

    They stay distinct and in their order, for equal x lose equal time. Sums are of whole half days, so that equal times
    come out equal.
    """
    if day == 0:
        return patterns
    t_x, T = (np.rint(2 * time / day) - patterns.x for time in (patterns.t_x, patterns.T))
    return replace(patterns, t_x=t_x * (day / 2), T=T * (day / 2))
