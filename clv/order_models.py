"""What every fitted model of orders answers, for a customer with a history and for a newcomer."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clv.arrays import FloatArray, Numbers
from clv.maximum_likelihood import Estimate, Evaluation, FittedModel
from clv.patterns import Patterns, patterns_of
from customer_data.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    import pandas as pd

Formula: TypeAlias = Callable[..., FloatArray]
LikelihoodOf: TypeAlias = Callable[[Patterns], Callable[[FloatArray], Evaluation]]


@dataclass(frozen=True)
class OrderFormulas:
    """One model: the likelihood of patterns, and its pure functions, which take the parameters by name."""

    likelihood: LikelihoodOf
    p_alive: Formula
    p_alive_at: Formula
    expected_orders: Formula
    expected_orders_new: Formula
    purchase_rate: Formula
    probability_of_orders: Formula
    probability_of_orders_given: Formula
    probability_of_no_order: Formula
    discounted_orders: Formula
    discounted_orders_new: Formula

    @classmethod
    def of_module(cls, name: str, *, likelihood: LikelihoodOf) -> "OrderFormulas":
        """The functions of these names in the module of a model."""
        module = sys.modules[name]
        formulas = [field.name for field in fields(cls) if field.name != "likelihood"]
        return cls(likelihood=likelihood, **{formula: getattr(module, formula) for formula in formulas})


@dataclass(frozen=True)
class OrdersFit(FittedModel):
    """A fitted model of orders: its parameters and what they say of customers.

    x repeat orders, the last at t_x, observed until T; all times in the unit of the histories and, unless said
    otherwise, since the first order. Arguments are numbers or arrays that broadcast.
    """

    formulas: ClassVar[OrderFormulas]

    estimate: Estimate
    patterns: Patterns = field(repr=False)

    def p_alive(self, x: Numbers, t_x: Numbers, T: Numbers) -> FloatArray:
        """P(alive at T | x, t_x, T)."""
        check_histories(x=x, t_x=t_x, T=T)
        return self.formulas.p_alive(x, t_x, T, **self.parameters)

    def p_alive_at(self, t: Numbers, x: Numbers, t_x: Numbers, T: Numbers) -> FloatArray:
        """P(alive at T + t | x, t_x, T)."""
        check_histories(x=x, t_x=t_x, T=T, t=t)
        return self.formulas.p_alive_at(t, x, t_x, T, **self.parameters)

    def expected_orders(self, t: Numbers, x: Numbers, t_x: Numbers, T: Numbers) -> FloatArray:
        """Expected orders in (T, T + t] given the history."""
        check_histories(x=x, t_x=t_x, T=T, t=t)
        return self.formulas.expected_orders(t, x, t_x, T, **self.parameters)

    def expected_orders_new(self, t: Numbers) -> FloatArray:
        """Expected repeat orders of a new customer within t of the first order."""
        check_histories(t=t)
        return self.formulas.expected_orders_new(t, **self.parameters)

    def purchase_rate(self, s: Numbers, x: Numbers, t_x: Numbers, T: Numbers) -> FloatArray:
        """Expected orders per time unit at T + s, given alive at T."""
        check_histories(x=x, t_x=t_x, T=T, s=s)
        return self.formulas.purchase_rate(s, x, t_x, T, **self.parameters)

    def probability_of_orders(
        self, n: Numbers, t: Numbers, x: Numbers | None = None, t_x: Numbers | None = None, T: Numbers | None = None
    ) -> FloatArray:
        """P(n orders in (T, T + t]) given the history; without one, P(X(t) = n): n repeat orders of a new customer
        within t of the first order.
        """
        if x is None and t_x is None and T is None:
            check_histories(n=n, t=t)
            return self.formulas.probability_of_orders(n, t, **self.parameters)
        if x is None or t_x is None or T is None:
            raise ConfigurationError("probability_of_orders takes all of x, t_x and T, or none of them.")
        check_histories(n=n, x=x, t_x=t_x, T=T, t=t)
        return self.formulas.probability_of_orders_given(n, t, x, t_x, T, **self.parameters)

    def probability_of_no_order(self, t: Numbers, x: Numbers, t_x: Numbers, T: Numbers) -> FloatArray:
        """P(no order in (T, T + t]) given the history."""
        check_histories(x=x, t_x=t_x, T=T, t=t)
        return self.formulas.probability_of_no_order(t, x, t_x, T, **self.parameters)

    def discounted_orders(
        self, delta: Numbers, x: Numbers, t_x: Numbers, T: Numbers, horizon: Numbers = np.inf
    ) -> FloatArray:
        """Expected orders in (T, T + horizon], discounted at the continuous rate delta per time unit (DERT).

        ``delta`` is ln(1 + annual rate) / units per year; it must be positive where the horizon is infinite.
        """
        check_histories(x=x, t_x=t_x, T=T, delta=delta)
        check_discount(delta, horizon)
        return self.formulas.discounted_orders(delta, x, t_x, T, horizon=horizon, **self.parameters)

    def discounted_orders_new(self, delta: Numbers, horizon: Numbers = np.inf) -> FloatArray:
        """Discounted repeat orders of a new customer; the first order itself is not counted."""
        check_histories(delta=delta)
        check_discount(delta, horizon)
        return self.formulas.discounted_orders_new(delta, horizon=horizon, **self.parameters)

    @staticmethod
    def read(histories: "pd.DataFrame") -> Patterns:
        """The distinct patterns of histories that this model takes, checked."""
        return patterns_of(histories)

    def score(self, histories: "pd.DataFrame") -> float:
        """Log-likelihood of other histories at the fitted parameters, summed over customers.

        The score of customers observed longer, minus their score when the model was fitted, is the held-out
        log-likelihood: how well the model foretold what they did in between.
        """
        return self.score_patterns(self.read(histories))

    def score_patterns(self, patterns: Patterns) -> float:
        """What `score` returns, for histories as distinct patterns."""
        return float(self.formulas.likelihood(patterns)(np.array(list(self.parameters.values())))[0])


def check_histories(**given: Numbers) -> None:
    """All must be finite and at least 0, t_x at most T, and n whole.

    Raises
    ------
    InputError
        Names each argument with the count and place of what is wrong.
    """
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in given.items()}
    problems = []
    for name, values in arrays.items():
        wrong = ~((values >= 0) & (values < np.inf))
        if wrong.any():
            problems.append(f"{name}: {_counted(values, wrong)} must be finite numbers of at least 0")
    if {"t_x", "T"} <= set(arrays):
        last, age = np.broadcast_arrays(arrays["t_x"], arrays["T"])
        if (last > age).any():
            problems.append(f"t_x: {_counted(last, last > age)} lie after T, the end of the observation")
    if "n" in arrays and (part := arrays["n"] > np.floor(arrays["n"])).any():
        problems.append(f"n: {_counted(arrays['n'], part)} must be whole numbers of orders")
    if problems:
        raise InputError([f"{problem}." for problem in problems])


def _counted(values: FloatArray, wrong: NDArray[np.bool_]) -> str:
    first = int(np.flatnonzero(wrong)[0])
    return f"{int(wrong.sum()):,} of {values.size:,} values (first: {values.ravel()[first]:g}, at {first:,})"


def check_discount(delta: Numbers, horizon: Numbers) -> None:
    """An endless horizon needs a discount, and no horizon ends before it begins; else a ConfigurationError."""
    if np.any((np.asarray(delta) == 0) & (np.asarray(horizon) == np.inf)):
        raise ConfigurationError(
            "delta is 0: without a discount the orders of an infinite horizon have no finite sum. "
            "Give a horizon, or a positive rate."
        )
    if not np.all(np.asarray(horizon) >= 0):
        raise ConfigurationError("horizon must be at least 0; it may be infinite.")
