"""Results of made-up runs, from a fair shop to the worst cases, for the tests of reports."""

import datetime as dt
import functools
from dataclasses import replace

import numpy as np
import pandas as pd

import attribution
from attribution.descriptions import time_lags
from reports.pages.assembly import build_report
from reports.pages.content import Report
from reports.results.run_results import AttributionResults, ClvResults, DataQuality, RunResults

CHANNELS = (
    "Paid search",
    "Organic search",
    "Email",
    "Direct",
    "Display",
    "Paid social",
    "Affiliates",
    "Referral",
    "Video",
    "Push notification",
)
HOSTILE = (
    '#read("/etc/passwd")',
    r"$\bad$ {brace} %s",
    "_hidden from legends",
    "=cmd|' /C calc'!A0",
    "😀 mail 日本語 שלום",
    "a" * 300,
    "utm_source=newsletter/medium=email&campaign=" + "spring_sale_" * 21,
    "<b>bold</b> & *star* `tick`",
    "line\nbreak\ttab \u202eright to left",
    "@label <ref>",
)
WORST_CASES = (
    "channels_only",
    "clv_only",
    "empty",
    "forty_channels",
    "hostile",
    "hostile_segments",
    "in_money",
    "many_segments",
    "no_conversions",
    "no_customers",
    "no_fit",
    "no_holdout",
    "no_intervals",
    "no_touches",
    "nothing_clear",
    "one_channel",
    "paths_file",
    "two_channels",
)


def journeys(channels: tuple[str, ...], *, rows: int = 4000, seed: int = 7) -> pd.DataFrame:
    """Journeys of a made-up chain, a row each: some channels open, some close."""
    random = np.random.default_rng(seed)
    weights = random.dirichlet(np.full(len(channels), 0.9))
    steps = random.dirichlet(np.full(len(channels), 0.35), size=len(channels))
    lengths = 1 + random.poisson(1.6, size=rows)
    paths = []
    for length in lengths:
        here = int(random.choice(len(channels), p=weights))
        path = [here]
        for _ in range(int(length) - 1):
            here = int(random.choice(len(channels), p=steps[here]))
            path.append(here)
        paths.append(" || ".join(channels[i] for i in path))
    wins = random.random(rows) < 0.35
    value = np.where(wins, np.round(random.gamma(3.0, 25.0, size=rows), 2), 0.0)
    return pd.DataFrame({"path": paths, "conversions": wins.astype(int), "value": value, "nulls": (~wins).astype(int)})


def channel_results(
    channels: tuple[str, ...] = CHANNELS, *, rows: int = 4000, costs: bool = True
) -> AttributionResults:
    """Attribution of made-up journeys; the intervals are made up too, the credit is not."""
    cleaned = tuple(" ".join(name.split()) for name in channels)
    frame = journeys(cleaned, rows=rows)
    paths = attribution.read_paths(
        frame, path="path", conversions="conversions", value="value", nulls="nulls", step="||"
    )
    models = ["first_click", "last_click", "linear", "position_based", "markov"]
    credit = attribution.attribute(paths, models=models)
    wide = credit.pivot_table(index="channel", columns="model", values="conversions", aggfunc="sum")
    comparison = wide[["last_click", "markov"]].reset_index()
    comparison.columns.name = None
    comparison["difference"] = comparison["markov"] - comparison["last_click"]
    half = 1.6 * np.sqrt(comparison["last_click"] + comparison["markov"])
    comparison["difference_low"] = comparison["difference"] - half
    comparison["difference_high"] = comparison["difference"] + half
    comparison["verdict"] = np.where(
        comparison["difference_low"] > 0,
        "under-credited by last click",
        np.where(comparison["difference_high"] < 0, "over-credited by last click", "no clear difference"),
    )
    comparison["clear_together"] = comparison["verdict"] != "no clear difference"
    random = np.random.default_rng(3)
    conversions = float(frame["conversions"].sum())
    days = pd.DataFrame({"days": np.arange(31)})
    days["conversions"] = np.round(conversions * 0.3 * np.exp(-days["days"] / 3.2))
    paid = sorted(cleaned)[::2]
    cost = pd.DataFrame({"channel": paid, "cost": np.round(random.gamma(2.0, 1500.0, size=len(paid)), 2)})
    return AttributionResults(
        credit=credit,
        comparison=comparison,
        removal_effects=attribution.removal_effects(paths),
        transitions=attribution.transition_matrix(paths),
        graph=attribution.transition_graph(paths),
        top_paths=attribution.top_paths(paths),
        path_lengths=attribution.path_lengths(paths),
        time_lags=time_lags(replace(paths, lag_conversions=days["conversions"].to_numpy())),
        journeys={
            "customers": 3_712,
            "touches": 10_431,
            "converted": conversions,
            "not_converted": 2_480,
            "open": 141,
            "conversions": conversions,
            "unattributed_conversions": 87,
            "unattributed_value": 6_120.5,
        },
        costs=cost if costs else None,
        lookback_days=30.0,
        half_life_days=7.0,
    )


def held_scores(segments: tuple[str, ...]) -> pd.DataFrame:
    """Scores per segment and of all: the model's squared error is the smallest but in the last segment."""
    rows = [
        (segment, method, 100.0, 80.0, 0.02, 0.01, mae, rmse + (segment in segments[-1:]) * (method == "BG/NBD"), 0.6)
        for segment in (*segments, "all")
        for method, mae, rmse in (("BG/NBD", 0.79, 1.61), ("repeat the past", 0.90, 1.97), ("NBD", 1.20, 1.80))
    ]
    columns = ["segment", "method", "customers", "total", "error", "bias", "mae", "rmse", "correlation"]
    return pd.DataFrame(rows, columns=columns)


def by_segment(table: pd.DataFrame, segments: tuple[str, ...]) -> pd.DataFrame:
    """The same rows for each segment and for all."""
    return pd.concat([table.assign(segment=name) for name in (*segments, "all")], ignore_index=True)


def orders_held_back(segments: tuple[str, ...]) -> pd.DataFrame:
    """Of ten customers won in the time held back three came back: 14 of 100 orders."""
    rows = pd.DataFrame(
        [
            ("known customers", 60, 86, 6_400.0),
            ("first orders of new customers", 10, 10, 500.0),
            ("repeat orders of new customers", 3, 4, 230.0),
            ("total", 70, 100, 7_130.0),
        ],
        columns=["source", "customers", "orders", "value"],
    )
    return by_segment(rows, segments)


def compared_models() -> pd.DataFrame:
    """Two models of orders that foretold nearly alike, and one that could not be fitted."""
    rows = [
        ("MBG/NBD", "days", 4, 900.0, -4994.9, 9997.9, 10019.1, -216.5, 8.9, 0.0, 0.0, "", True),
        ("Pareto/NBD", "continuous", 4, 900.0, -4995.1, 9998.2, 10019.5, -216.9, 9.1, 0.4, 1.2, "", False),
        ("BG/NBD", "days", None, *[np.nan] * 8, "BG/NBD did not converge.", False),
    ]
    columns = ["model", "order_time", "parameters", "customers", "log_likelihood", "aic", "bic"]
    columns += ["holdout_log_likelihood", "holdout_std_error", "behind_best", "behind_best_std_error"]
    return pd.DataFrame(rows, columns=[*columns, "problem", "chosen"])


def clv_results(
    segments: tuple[str, ...] = ("Germany", "France", "United Kingdom", "Spain", "Netherlands"),
) -> ClvResults:
    """A forecast whose figures hang together: totals add up, discounted is less than undiscounted."""
    random = np.random.default_rng(11)
    customers = np.round(random.gamma(2.0, 4000.0, size=len(segments))).astype(int) + 50
    each = random.uniform(60, 140, size=len(segments))
    table = pd.DataFrame({"segment": segments, "customers": customers, "expected_orders": customers * each / 70})
    table["clv"] = customers * each
    spread = 0.04 + 2.0 / np.sqrt(customers)
    table["low"], table["high"] = table["clv"] * (1 - spread), table["clv"] * (1 + spread)
    total = {"segment": "all", **table.drop(columns="segment").sum().to_dict()}
    total["low"], total["high"] = total["clv"] * 0.94, total["clv"] * 1.06
    table = pd.concat([table, pd.DataFrame([total])], ignore_index=True).astype({"customers": int})
    table["calibrated"] = False
    value = float(total["clv"])
    months = pd.date_range("2012-01-01", periods=12, freq="MS")
    shape = 0.94 ** np.arange(12)
    # From 10 January on: what is left of it, and eleven whole months.
    monthly = pd.DataFrame({"month": [m.date() for m in months], "expected_orders": 900 * shape})
    monthly["days"] = [22, *months.days_in_month[1:]]
    monthly["discounted_value"] = value * shape / shape.sum()
    monthly["expected_value"] = monthly["discounted_value"] * 1.1 ** ((np.arange(12) + 0.5) / 12)
    monthly["expected_revenue"] = monthly["expected_value"]
    weeks = np.arange(1, 79)
    forecast = 60 * weeks / (weeks + 12) * np.exp(-weeks / 110)
    actual = random.poisson(forecast * np.where(weeks > 39, 1.1, 1.0))
    tracking = pd.DataFrame({"period": weeks, "actual": actual, "forecast": forecast})
    tracking["cumulative_actual"], tracking["cumulative_forecast"] = actual.cumsum(), forecast.cumsum()
    tracking["is_holdout"] = weeks > 39
    ones = table["customers"].to_numpy(dtype=float)
    held = pd.DataFrame({"segment": table["segment"], "customers": table["customers"], "actual_orders": ones * 0.8})
    held = held.round({"actual_orders": 0})
    held["forecast_orders"] = ones * 0.8 * np.append(random.normal(0.95, 0.06, size=len(segments)), 0.93)
    held["error"] = held["forecast_orders"] / held["actual_orders"] - 1
    held["low"], held["high"] = held["forecast_orders"] * 0.93, held["forecast_orders"] * 1.07
    names = [("BG/NBD", n, v) for n, v in (("r", 0.2426), ("alpha", 4.4136), ("a", 0.7929), ("b", 2.4259))]
    names += [("Gamma-Gamma", n, v) for n, v in (("p", 6.2494), ("q", 3.7443), ("v", 15.4443))]
    rows = [(m, s, n, v, v / 15, v * 0.89, v * 1.11) for s in ("all", *segments) for m, n, v in names]
    fits = [(m, s, 100, -9582.43, True, "") for s in ("all", *segments) for m in ("BG/NBD", "Gamma-Gamma")]
    return ClvResults(
        segment_forecast=table,
        parameters=pd.DataFrame(
            rows, columns=["model", "segment", "parameter", "estimate", "std_error", "low", "high"]
        ),
        convergence=pd.DataFrame(
            fits, columns=["model", "segment", "customers", "log_likelihood", "converged", "message"]
        ),
        holdout_totals=held,
        holdout_tracking=by_segment(tracking, segments),
        holdout_orders=orders_held_back(segments),
        holdout_by_frequency=pd.DataFrame(
            {
                "segment": "all",
                "frequency": ["0", "1", "2", "3", "4", "5", "6", "7+"],
                "customers": [1411, 439, 214, 100, 62, 38, 29, 64],
                "actual_mean": [0.237, 0.697, 1.393, 1.560, 2.532, 2.947, 3.862, 6.359],
                "forecast_mean": [0.225, 0.523, 1.044, 1.520, 2.164, 2.654, 3.504, 6.157],
            }
        ),
        holdout_scores=held_scores(segments),
        holdout_pit=pd.DataFrame(
            {
                "segment": "all",
                "low": np.arange(10) / 10,
                "high": np.arange(1, 11) / 10,
                "share": [0.1] * 8 + [0.08, 0.12],
                "expected": 0.1,
            }
        ),
        spend_density=pd.DataFrame(
            {"low": [0.0, 20.0, 40.0], "high": [20.0, 40.0, 60.0], "customers": [30.0, 50.0, 20.0]}
            | {"observed": [0.015, 0.025, 0.010], "expected": [0.017, 0.024, 0.009], "segment": "all"}
        ),
        monthly=by_segment(monthly, segments),
        deciles=by_segment(
            pd.DataFrame({"decile": range(1, 11), "customers": 1000, "clv": [48, 17, 10, 7, 5, 4, 3, 3, 2, 1.0]}),
            segments,
        ),
        segment_by="country",
        holdout_start=dt.date(2011, 3, 12),
        holdout_end=dt.date(2011, 12, 9),
        customers=int(total["customers"]),
        repeat_customers=int(total["customers"] * 0.4),
        orders=int(total["customers"] * 2.1),
        spend_correlation=0.06,
    )


def data_quality() -> DataQuality:
    """Counts that add up per source, and a few rows put aside."""
    counts = [
        ("touchpoints", "read", 10_571, None),
        ("touchpoints", "kept", 10_431, None),
        ("touchpoints", "time_unparsable", 12, None),
        ("touchpoints", "duplicate", 128, None),
        ("orders", "read", 4_391, 318_114.5),
        ("orders", "kept", 4_310, 309_871.25),
        ("orders", "refund_netted", 71, -8_002.25),
        ("orders", "negative_value", 10, -241.0),
        ("spend", "read", 180, 44_120.0),
        ("spend", "kept", 180, 44_120.0),
    ]
    sample = [
        (
            "touchpoints",
            "touches.csv",
            17,
            "time_unparsable",
            '{"customer_id":"17","time":"yesterday","channel":"Email"}',
        ),
        (
            "orders",
            "orders.csv.gz",
            1043,
            "negative_value",
            '{"order_id":"A-1043","value":"-24.10","note":"' + "x" * 300 + '"}',
        ),
    ]
    return DataQuality(
        row_counts=pd.DataFrame(counts, columns=["source", "reason", "rows", "amount"]),
        quarantine_rows=22,
        quarantine_sample=pd.DataFrame(sample, columns=["source", "file", "row", "reason", "record"]),
        sources=pd.DataFrame(
            {"source": ["touchpoints", "orders", "spend"], "file": ["touches.csv", "orders.csv.gz", "spend.csv"]}
        ),
        warnings=("touchpoints: 3 channels differ only in case (first: Email, email).",),
    )


@functools.cache
def shop() -> RunResults:
    """A run with everything in it."""
    return RunResults(
        title="Channels and customers, 2011",
        as_of=dt.date(2011, 12, 9),
        first_day=dt.date(2010, 12, 1),
        last_day=dt.date(2011, 12, 9),
        currency="EUR",
        timezone="Europe/Berlin",
        seed=1,
        attribution=channel_results(),
        clv=clv_results(),
        quality=data_quality(),
        settings=pd.DataFrame(
            {
                "setting": ["attribution.lookback_days", "attribution.models", "clv.horizon_months"],
                "value": ["30.0", "first_click, last_click, linear, position_based, markov", "12"],
                "origin": ["default", "pathworth.toml:14", "default"],
            }
        ),
        versions={"pathworth": "0.1.0", "duckdb": "2.0.0", "numpy": "2.4.6", "python": "3.11"},
        warnings=("orders: 87 conversions had no touch before them.",),
    )


@functools.cache
def built(name: str) -> Report:
    """The report of the shop or of a worst case, built once."""
    return build_report(shop() if name == "shop" else worst_cases()[name])


@functools.cache
def worst_cases() -> dict[str, RunResults]:
    """Runs at the edges: each must give a report that can be read."""
    run = shop()
    full = channel_results()
    nothing = full.comparison.assign(**dict.fromkeys(["last_click", "markov", "difference"], 0.0))
    nothing = nothing.assign(
        difference_low=0.0, difference_high=0.0, verdict="no clear difference", clear_together=False
    )
    unclear = full.comparison.assign(
        difference_low=-1e4, difference_high=1e4, verdict="no clear difference", clear_together=False
    )
    without = full.comparison.assign(
        difference_low=np.nan, difference_high=np.nan, verdict="no clear difference", clear_together=False
    )
    money = full.comparison.select_dtypes("number") * 75.0
    in_money = full.comparison.assign(**{name: money[name] for name in money})
    zero_credit = full.credit.assign(conversions=0.0, value=0.0)
    empty = full.comparison.iloc[:0]
    many = tuple(f"channel {i:02d} {CHANNELS[i % 10]}" for i in range(40))
    bare = clv_results()
    single = clv_results(("x",))
    single = replace(single, segment_forecast=single.segment_forecast.tail(1), segment_by=None, holdout_totals=None)
    single = replace(single, holdout_tracking=None, holdout_by_frequency=None, monthly=None, deciles=None)
    failed = bare.segment_forecast.assign(clv=np.nan, low=np.nan, high=np.nan, expected_orders=np.nan)
    regions = tuple(f"Region {i} {'with a rather long name ' * (i % 3)}" for i in range(38))
    return {
        "hostile": replace(run, attribution=channel_results(HOSTILE), title="=#[*Bad* $title$] " + "w" * 200),
        "hostile_segments": replace(run, attribution=None, clv=clv_results(HOSTILE)),
        "one_channel": replace(run, attribution=channel_results(("Email",)), clv=None),
        "two_channels": replace(run, attribution=channel_results(("Email", "Direct"), rows=30, costs=False)),
        "forty_channels": replace(run, attribution=channel_results(many)),
        "no_conversions": replace(run, attribution=replace(full, comparison=nothing, credit=zero_credit)),
        "no_touches": replace(run, attribution=AttributionResults(credit=full.credit.iloc[:0], comparison=empty)),
        "nothing_clear": replace(run, attribution=replace(full, comparison=unclear)),
        "no_intervals": replace(run, attribution=replace(full, comparison=without)),
        "in_money": replace(run, attribution=replace(full, comparison_value=in_money)),
        "channels_only": replace(run, clv=None),
        "paths_file": RunResults(
            title="Paths", attribution=replace(full, from_file=True, lookback_days=None, time_lags=None, journeys={})
        ),
        "clv_only": replace(run, attribution=None),
        "no_holdout": replace(run, attribution=None, clv=single),
        "no_fit": replace(
            run, clv=replace(bare, segment_forecast=failed, parameters=None, notes=("No repeat buyers.",))
        ),
        "no_customers": replace(run, attribution=None, clv=ClvResults(segment_forecast=bare.segment_forecast.iloc[:0])),
        "many_segments": replace(run, clv=clv_results(regions)),
        "empty": RunResults(title="Nothing"),
    }
