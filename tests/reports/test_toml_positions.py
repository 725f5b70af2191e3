"""Keys and values are found where an editor shows them."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from reports.configuration.toml_positions import Position, positions_of

TEXT = '''# a comment = [not, a, key]
title = "it's [fine] # really"   # yes
[report]
  seed = 7
models = ["markov", # with a comment, and a ]
  'last_click',
]

[orders.columns]
"customer id" = { sql = "a = b", other.deep = 1 }
text = """
[not.a.table]
x = 1 \\""" still inside
"""
after = 2020-01-01

[[extra]]
a = 1
[[extra]]
a = 2
[extra.sub]
b = 3
'''


def test_every_kind_of_key_has_its_line_and_column():
    tomllib.loads(TEXT)
    places = positions_of(TEXT)
    assert places[("title",)] == Position(2, 1)
    assert places[("report",)] == Position(3, 1)
    assert places[("report", "seed")] == Position(4, 3)
    assert places[("report", "models", 0)] == Position(5, 11)
    assert places[("report", "models", 1)] == Position(6, 3)
    assert places[("orders", "columns", "customer id")] == Position(10, 1)
    assert places[("orders", "columns", "customer id", "sql")] == Position(10, 19)
    assert places[("orders", "columns", "customer id", "other", "deep")] == Position(10, 34)
    assert places[("orders", "columns", "after")] == Position(15, 1)
    assert ("not", "a", "table") not in places
    assert places[("extra", 0, "a")] == Position(18, 1)
    assert places[("extra", 1, "a")] == Position(20, 1)
    assert places[("extra", 1, "sub", "b")] == Position(22, 1)


def test_escapes_in_quoted_keys_are_read():
    text = '"a\\"b\\u00e9" = 1'
    (name,) = tomllib.loads(text)
    assert (name,) in positions_of(text)


NAMES = st.text(alphabet="abc_-9", min_size=1, max_size=4)
SCALARS = st.one_of(
    st.integers(), st.booleans(), st.text(alphabet="ab #[]{}=,.'", max_size=8), st.dates(), st.lists(st.integers())
)


@given(st.dictionaries(NAMES, st.dictionaries(NAMES, SCALARS, max_size=4), max_size=4))
def test_every_path_that_tomllib_reads_has_a_position(tables):
    lines = []
    for table, pairs in tables.items():
        lines.append(f"[{table}]")
        for key, value in pairs.items():
            shown = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else value
            lines.append(f"{key} = {shown}")
    text = "\n".join(lines)
    read = tomllib.loads(text)
    places = positions_of(text)
    for table, pairs in read.items():
        for key in pairs:
            place = places[(table, key)]
            assert text.split("\n")[place.line - 1][place.column - 1 :].startswith(key)
