"""The bootstrap over customers, exact also where customers have several journeys: all of a customer's, or none.

Distinct paths do not know which journeys are one customer's, and :func:`attribution.bootstrap.bootstrap_credit` brings
in what customers share to first order. Here journeys are read from the engine with their customers. A replicate gives
every customer a Poisson(1) weight, adds up the journeys of each distinct path by these weights, values and all, and
fits every model to the sums. Hand what it gives to ``compare`` or ``rank_stability`` as ``drawn``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from attribution import ragged
from attribution.arguments import checked
from attribution.bootstrap import Replicates, in_blocks, require_replicates
from attribution.credit import check_models
from attribution.customer_keys import customer_keys, type_of_customers
from attribution.journey_parts import JourneyOptions
from attribution.paths import Paths
from attribution.ragged import Floats, Integers
from attribution.refits import refitted
from attribution.rules import RuleOptions, channel_shares
from attribution.sorted_events import channel_names, cut, read_events
from attribution.transitions import Transitions, transitions
from customer_data.money import SCALE

if TYPE_CHECKING:
    import duckdb
    from scipy.sparse import csr_array


@dataclass(frozen=True, eq=False)
class CustomerJourneys:
    """Distinct paths, and whose journeys they are made of.

    Attributes
    ----------
    paths
        Distinct paths with conversions, value and nulls, as :func:`attribution.build_paths` finds them.
    conversions, value, nulls
        Sparse ``(paths, customers)``: what each customer adds to each path.
    """

    paths: Paths
    conversions: "csr_array"
    value: "csr_array"
    nulls: "csr_array"


@checked
def customer_journeys(
    connection: "duckdb.DuckDBPyConnection", options: JourneyOptions | None = None
) -> CustomerJourneys:
    """Read touches and orders, cut them into journeys, and keep whose they are.

    All events are in memory at once, some 40 bytes for each.
    """
    from scipy.sparse import csr_array

    closed = (options or JourneyOptions()).closed(connection)
    events = read_events(connection, closed)
    # In the place of folds journeys bring the places of their last touches, and so their customers and orders.
    journeys = cut(replace(events, fold=np.arange(len(events.customer))), closed)
    last = journeys.fold
    customer = (np.cumsum(np.diff(events.customer, prepend=events.customer[:1]) != 0))[last]
    channels = channel_names(connection)
    row, _, lengths = ragged.distinct_sequences(journeys.codes, journeys.lengths, len(channels))
    begins = np.diff(np.append(-1, events.time_us)) != 0
    begins[1:] |= np.diff(events.customer) != 0
    begins[1:] |= ~events.is_order[:-1]
    moment = np.cumsum(begins & events.is_order)  # of the order at or before each event, counted from 1 on
    converted = journeys.conversions > 0
    value = np.where(converted, np.append(_values(connection, closed), 0.0)[moment[last] * converted], 0.0)
    paths = Paths.from_codes(
        channels,
        journeys.codes,
        journeys.lengths,
        conversions=journeys.conversions,
        value=value,
        nulls=~converted,
    )
    shape = (len(lengths), int(customer.max(initial=-1)) + 1)

    def of_each(amounts: Floats) -> "csr_array":
        return csr_array((amounts, (row, customer)), shape=shape)

    return CustomerJourneys(
        paths, of_each(journeys.conversions.astype(float)), of_each(value), of_each((~converted).astype(float))
    )


def _values(connection: "duckdb.DuckDBPyConnection", options: JourneyOptions) -> Floats:
    """The value of each moment at which a customer ordered, in the order of events."""
    names = ", ".join(customer_keys(type_of_customers(connection, options.touchpoints)))
    (value,) = (
        connection.execute(
            f"""
        SELECT CAST(sum(value) AS DOUBLE) AS value FROM {options.orders} WHERE time_us <= {options.until_us}
        GROUP BY customer_id, time_us ORDER BY {names}, time_us"""
        )
        .fetchnumpy()
        .values()
    )
    return np.asarray(value) / SCALE


@checked
def bootstrap_customers(
    journeys: CustomerJourneys,
    models: Sequence[str],
    *,
    order: int = 1,
    replicates: int = 1_000,
    seed: int | None = None,
    options: RuleOptions | None = None,
    threads: int | None = None,
) -> Replicates:
    """Credit of every channel under every model in customers drawn again, each replicate an exact refit.

    Parameters
    ----------
    journeys
        From :func:`customer_journeys`.
    models
        Rules and ``markov``.
    order, replicates, seed, options, threads
        As in :func:`attribution.bootstrap.bootstrap_credit`.

    Raises
    ------
    ConfigurationError
        When a model does not exist or cannot be had, or replicates are not a whole number from 1 on.
    """
    check_models(journeys.paths, models)
    require_replicates(models, replicates)
    plan = _Plan.make(journeys, models, order, options or RuleOptions())
    conversions, value = in_blocks(plan.draw_block, replicates, seed=seed, threads=threads)
    return Replicates(tuple(models), journeys.paths.channels, conversions, value)


@dataclass(frozen=True, eq=False)
class _Plan:
    """What every block of replicates needs, made once."""

    journeys: CustomerJourneys
    models: tuple[str, ...]
    shares: "dict[str, csr_array]"
    found: Transitions
    ends: "csr_array"

    @classmethod
    def make(cls, journeys: CustomerJourneys, models: Sequence[str], order: int, options: RuleOptions) -> "_Plan":
        from scipy.sparse import csr_array

        paths = journeys.paths
        found = transitions(paths, order=order)
        each: Integers = np.arange(len(paths))
        return cls(
            journeys,
            tuple(models),
            {name: channel_shares(paths, name, options).T.tocsr() for name in models if name != "markov"},
            found,
            csr_array((np.ones(len(paths)), (found.last, each)), shape=(len(found.states), len(paths))),
        )

    def draw_block(self, stream: np.random.SeedSequence, size: int) -> tuple[Floats, Floats]:
        """Credit of conversions and of value of ``size`` replicates: arrays ``(size, models, channels)``."""
        generator = np.random.Generator(np.random.Philox(stream))
        weights = generator.poisson(1.0, size=(self.journeys.nulls.shape[1], size)).astype(float)
        conversions, value, nulls = (
            part @ weights for part in (self.journeys.conversions, self.journeys.value, self.journeys.nulls)
        )
        credit = []
        for model in self.models:
            if model == "markov":
                steps = self.found.per_path.T @ (conversions + nulls)
                credit.append(refitted(self.found, steps, self.ends @ conversions, self.ends @ value))
            else:
                credit.append((self.shares[model] @ conversions, self.shares[model] @ value))
        return (
            np.stack([part[0].T for part in credit], axis=1),
            np.stack([part[1].T for part in credit], axis=1),
        )
