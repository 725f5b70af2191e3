"""Customers as whole numbers to sort by, whatever their identities are: text is dear to sort, numbers are not.

Integers stand for themselves. Of anything else two hashes of 64 bits, one of the identity and one of it with a sign
before, stand for it together; that two of n customers share both has the odds n^2 / 2^127 (a hundred million: one in
10^22). Nothing depends on which numbers they are, only on which are equal.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import duckdb

INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT"}


def type_of_customers(connection: "duckdb.DuckDBPyConnection", touchpoints: str) -> str:
    """The SQL type of ``customer_id``."""
    ((_, customer_type, *_),) = connection.execute(f"DESCRIBE SELECT customer_id FROM {touchpoints}").fetchall()
    return str(customer_type)


def customer_keys(customer_type: str) -> tuple[str, ...]:
    """SQL of the whole numbers, BIGINT, that together stand for ``customer_id``; sort by all of them."""
    if customer_type in INTEGERS:
        return ("customer_id::BIGINT",)
    return ("(hash(customer_id) >> 1)::BIGINT", "(hash(concat(':', customer_id)) >> 1)::BIGINT")


def last_of_each(*columns: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Whether an entry is the last of a run of entries that agree in all columns."""
    ended = np.ones(len(columns[0]), dtype=bool)
    ended[:-1] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return ended
