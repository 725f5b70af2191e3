# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # What will these customers buy next?
#
# CDNOW sold CDs on the web. Of the customers who came in the first quarter of 1997 every order over 78 weeks is
# known, and the field has tested its models on them ever since. This notebook has the same shape: 2,357 customers
# acquired within 12 weeks, 39 weeks to learn from, 39 weeks to check against. The orders are simulated with the
# parameters that were estimated on CDNOW, so that the notebook runs anywhere **and** the truth is known.
#
# To use your own data, replace the next cell by a table with a customer, a date and an amount per order.

# %%
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import clv
from customer_data.synthetic_orders import Segment, simulate_orders

CDNOW = Segment("US", "web", r=0.243, alpha=4.414 * 7, a=0.793, b=2.426, p=6.25, q=3.744, v=15.44)
generator = np.random.default_rng(1997)
first_order = generator.uniform(0, 12 * 7, 2357)
simulated = simulate_orders(first_order, np.zeros(2357, dtype=int), end=78 * 7, generator=generator, segments=(CDNOW,))
orders = pd.DataFrame(
    {
        "customer": simulated.buyer,
        "date": pd.Timestamp("1997-01-01") + pd.to_timedelta(np.floor(simulated.day), unit="D"),
        "amount": simulated.cents / 100,
    }
)
orders.head()

# %% [markdown]
# ## From orders to purchase histories
#
# All that the models need of a customer is how often they came back (`frequency`), when they were last seen
# (`recency`), how long they have been known (`T`) and what a repeat order was worth on average (`monetary_value`).
# Orders of one day are one purchase. Everything after 30 September is left aside: the check at the end is only fair
# if nothing of it was used.

# %%
histories = clv.purchase_histories(
    orders, customer="customer", time="date", value="amount", until="1997-09-30", unit="week"
)
repeat_buyers = histories[histories["frequency"] > 0]
print(f"{len(histories):,} customers, {len(repeat_buyers):,} of them came back at least once")
histories.head()

# %% [markdown]
# ## When do they come, and when do they stop?
#
# BG/NBD says: each customer orders at a rate of their own, and after each repeat order leaves for good with a chance
# of their own. Four parameters describe how rates and chances are spread over customers. The standard errors tell how
# far to trust them; here the truth is known and should lie within about two of them.

# %%
fit = clv.BetaGeo().fit(histories)
truth = {"r": CDNOW.r, "alpha": CDNOW.alpha / 7, "a": CDNOW.a, "b": CDNOW.b}
estimates = fit.table.assign(truth=lambda table: table["parameter"].map(truth))
estimates["errors_off"] = (estimates["estimate"] - estimates["truth"]) / estimates["std_error"]
estimates.round(3)

# %% [markdown]
# ## Who is still a customer?
#
# Two customers with five repeat orders each: one was here last week, one has been silent for 25 weeks. Nobody who
# buys this often falls silent for that long by chance, so the second is probably lost, and worth another kind of
# letter.

# %%
examples = pd.DataFrame({"frequency": [5, 5, 0], "recency": [37.0, 13.0, 0.0], "T": [38.0, 38.0, 38.0]})
x, t_x, T = (examples[column].to_numpy() for column in ("frequency", "recency", "T"))
examples.assign(
    p_alive=fit.p_alive(x, t_x, T).round(3),
    orders_in_39_weeks=fit.expected_orders(39, x, t_x, T).round(2),
)

# %% [markdown]
# A customer without a repeat order counts as alive under BG/NBD, because nobody leaves before the first repeat order.
# The expected number of orders says what to make of that.
#
# ## Was the forecast right?
#
# Now the 39 weeks that were left aside. First the total, then by how often customers had come before: a model can hit
# the total by being wrong twice.

# %%
everyone = [histories[column].to_numpy() for column in ("frequency", "recency", "T")]
forecast = fit.expected_orders(39, *everyone)
start, end = pd.Timestamp("1997-09-30"), pd.Timestamp("1997-09-30") + pd.Timedelta(weeks=39)
held_out = orders[(orders["date"] > start) & (orders["date"] <= end)].drop_duplicates(["customer", "date"])
actual = histories["customer_id"].map(held_out["customer"].value_counts()).fillna(0).to_numpy()
print(f"actual orders {actual.sum():,.0f}, forecast {forecast.sum():,.0f} ({forecast.sum() / actual.sum() - 1:+.1%})")

# %%
check = (
    pd.DataFrame({"frequency": histories["frequency"].clip(upper=7), "actual": actual, "forecast": forecast})
    .groupby("frequency")
    .agg(customers=("actual", "size"), actual=("actual", "mean"), forecast=("forecast", "mean"))
)
check.round(2)


# %%
def draw(check: pd.DataFrame) -> Figure:
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(check.index, check["actual"], "o-", color="black", label="actual")
    axes.plot(check.index, check["forecast"], "o--", color="tab:blue", label="forecast")
    axes.set(
        title=f"Forecast {forecast.sum():,.0f} orders, {actual.sum():,.0f} came",
        xlabel="repeat orders in the first 39 weeks (7: or more)",
        ylabel="orders per customer in the next 39",
    )
    axes.legend(frameon=False)
    return figure


draw(check)

# %% [markdown]
# ## What is an order worth?
#
# The mean of one or two orders says little about a customer. Gamma-Gamma pulls it towards the mean of all customers,
# the more the fewer orders there are: one order of 100 dollars does not make a 100-dollar customer.

# %%
spend = clv.GammaGamma().fit(repeat_buyers)
print(f"mean order value of the population: {spend.population_mean:.2f} (truth {CDNOW.mean_spend:.2f})")
pd.DataFrame({"orders": [1, 2, 5, 20], "seen_mean": 100.0}).assign(
    expected=lambda seen: spend.expected_spend(seen["orders"], seen["seen_mean"]).round(2)
)

# %% [markdown]
# ## What are they worth?
#
# Orders to come, discounted at 10 % a year, times the value of an order. The rate is an annual one, and continuous
# per week inside, so "39 weeks" are 39 weeks and no month has 30 days. The sorted list is the one to act on; the
# total is the one to plan with.

# %%
weekly_rate = np.log(1.10) / (365.25 / 7)
discounted = fit.discounted_orders(weekly_rate, *everyone, horizon=52.0)
order_value = spend.expected_spend(histories["frequency"], histories["monetary_value"])
value = histories.assign(
    p_alive=fit.p_alive(*everyone), expected_orders=fit.expected_orders(52, *everyone), clv=discounted * order_value
).sort_values("clv", ascending=False)
share = value["clv"].head(len(value) // 10).sum() / value["clv"].sum()
print(f"worth of the next 52 weeks: {value['clv'].sum():,.0f} dollars; the best tenth of customers holds {share:.0%}")
value.head(10).round(2)

# %% [markdown]
# What this notebook leaves out, `pathworth report` does on your files: forecasts per segment with intervals, the
# check on your own last months, months on the calendar, and results per customer for millions of them.
