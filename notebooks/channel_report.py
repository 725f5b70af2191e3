# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Which channels earned the orders?
#
# From raw touches to a table that can be defended, step by step: what was read, what the journeys look like, what
# each rule and the Markov model say, how sure that is, what a channel's orders cost, and, because the shop is
# simulated, who is right.
#
# The next cell simulates a shop and reads it. For your own data leave out `simulate` and name your files; if your
# columns have other names, say so: `Source(..., columns={"customer_id": "user", "time": "clicked_at"})`. Somebody
# misspelt a channel now and then; what is not put right here would be a channel of its own.

# %%
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import attribution
from customer_data.engine import Engine
from customer_data.loading import load
from customer_data.sources import LoadSettings, Source, Sql
from customer_data.synthetic_shop import simulate

pd.set_option("display.width", 160, "display.max_columns", 12)
SPELLING = Sql("CASE channel WHEN 'Paid Socail' THEN 'Paid Social' ELSE channel END")
with tempfile.TemporaryDirectory() as folder:
    simulate(folder, customers=20_000, seed=1)
    truth = json.loads((Path(folder) / "truth.json").read_text(encoding="utf-8"))["attribution"]
    sources = [
        Source(
            table="touchpoints",
            data=Path(folder) / "touchpoints.parquet",
            columns={"channel": SPELLING},
            duplicates="drop",
        ),
        Source(table="orders", data=Path(folder) / "orders.parquet", duplicates="drop"),
        Source(table="spend", data=Path(folder) / "spend.parquet"),
    ]
    connection = Engine().connect()
    loaded = load(connection, sources, LoadSettings(currency="EUR"))

# %% [markdown]
# ## What was read, and what was not
#
# Before any model: do the rows add up? What was read is what was kept plus what was put aside, and each reason is
# counted. If a third of your orders lacks a customer, no model below will tell you.

# %%
loaded.row_counts.pivot(index="reason", columns="source", values="rows").fillna(0)

# %% [markdown]
# ## Journeys
#
# A touch counts for an order if it came within 30 days before it and after the customer's previous order. Journeys
# without an order are kept too: a channel that many pass and nobody buys through is no good channel, and only the
# failures show it. Journeys that may still end in an order are left out.
#
# This report asks who won *new* customers. Repeat orders are another question with another answer, so only first
# orders stay, and touches up to them.

# %%
connection.execute(
    """CREATE OR REPLACE TEMP TABLE first_orders AS
    SELECT customer_id, min(time_us) AS time_us FROM orders GROUP BY customer_id"""
)
connection.execute(
    "DELETE FROM orders USING first_orders f WHERE orders.customer_id = f.customer_id AND orders.time_us > f.time_us"
)
connection.execute(
    """DELETE FROM touchpoints USING first_orders f
    WHERE touchpoints.customer_id = f.customer_id AND touchpoints.time_us > f.time_us"""
)
paths = attribution.build_paths(connection, lookback_days=30)
pd.Series(asdict(paths.counts))

# %% [markdown]
# The paths most travelled. Many orders have a single touch: there every model must agree, and the models can only
# differ in the rest.

# %%
lengths = attribution.path_lengths(paths).set_index("touches")
single = lengths["conversions"].get(1, 0.0) / lengths["conversions"].sum()
print(f"{single:.0%} of the orders with a touch have exactly one")
attribution.top_paths(paths, n=10)

# %% [markdown]
# ## Credit under each model
#
# Rows add up to the same orders under every model; what changes is who gets them.

# %%
credit = attribution.attribute(paths, models=["first_click", "last_click", "linear", "time_decay", "markov"])
credit.pivot(index="channel", columns="model", values="conversions").round(0)

# %% [markdown]
# ## Does the model change the answer, and is the change more than noise?
#
# Another month of the same shop would have given other numbers. The interval says how different they might have been:
# where it excludes zero, the difference to last click is there; where it does not, leave the budget alone.

# %%
comparison = attribution.compare(paths, baseline="last_click", model="markov")
comparison.round(0)

# %% [markdown]
# The same as a picture: from what last click gives (open) to what the Markov model gives (filled), with 90 %
# intervals.


# %%
def draw(comparison: pd.DataFrame, markov: pd.DataFrame) -> Figure:
    table = comparison.merge(markov, on="channel").sort_values("markov")
    over = comparison["verdict"].str.startswith("over").sum()
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    rows = np.arange(len(table))
    axes.hlines(rows, table["last_click"], table["markov"], color="lightgray", linewidth=3, zorder=1)
    axes.hlines(rows, table["conversions_low"], table["conversions_high"], color="tab:blue", zorder=2)
    axes.scatter(table["last_click"], rows, facecolor="white", edgecolor="black", zorder=3, label="last click")
    axes.scatter(table["markov"], rows, color="tab:blue", zorder=3, label="Markov")
    axes.set_yticks(rows, table["channel"])
    axes.set(title=f"Last click gives {over} channels more than the Markov model does", xlabel="orders credited")
    axes.legend(frameon=False, loc="lower right")
    return figure


draw(comparison, credit[credit["model"] == "markov"][["channel", "conversions_low", "conversions_high"]])

# %% [markdown]
# ## Why? What happens without a channel
#
# The model follows people from channel to channel. The removal effect is the share of orders that would be lost if
# everybody who came to a channel went no further; credit is in proportion to it.

# %%
attribution.removal_effects(paths).sort_values("removal_effect", ascending=False).round(3)

# %%
matrix = attribution.transition_matrix(paths)
matrix[matrix["source"] == "Paid Video"].sort_values("probability", ascending=False).round(3)

# %% [markdown]
# ## What does an order cost?
#
# Spend over credit. A channel that looks cheap by last click may only stand at the door that others lead people to.

# %%
spend = connection.execute(
    "SELECT channel, sum(cost) / 10000 AS spend FROM spend JOIN channels ON code = channel_code GROUP BY channel"
).df()
cost = comparison[["channel", "last_click", "markov"]].merge(spend, on="channel")
for model in ("last_click", "markov"):
    cost[f"cost_per_order_{model}"] = cost["spend"] / cost[model]
cost.sort_values("spend", ascending=False).round(2)

# %% [markdown]
# ## And who is right?
#
# Nobody can see this on real data: the orders that would not have happened without the channel. Here the simulator
# ran the shop again without each.

# %%
caused = pd.Series(
    {name: channel["expected_incremental_orders"] for name, channel in truth["channels"].items()},
    name="caused",
)
verdict = comparison.set_index("channel")[["last_click", "markov"]].join(caused, how="inner")
orders, unasked = truth["first_orders"], truth["first_orders_without_any_channel"]
print(f"of {orders:,} first orders, {unasked:,} would have come without any channel")
verdict.sort_values("caused", ascending=False).round(0)

# %% [markdown]
# Video and social caused most, and last click gives them next to nothing, because people who have seen them come back
# by a brand search or directly. The Markov model moves the credit in the right direction and not far enough: it sees
# who was on the path, not who would have come anyway. Half of these orders nobody caused. So take the comparison as a
# list of what to test: switch a channel off for some people, and see.

# %%
connection.close()
