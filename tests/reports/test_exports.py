"""What init writes for the exports of known tools, unedited, reads as a hand would sum them."""

from collections import defaultdict

import pandas as pd
import pytest

from customer_data.loading import load
from reports.configuration.reading import read_configuration
from tests.reports import shop_exports as exports

ORDERS, EVENTS = exports.made_shop()


@pytest.fixture
def loaded(command, connection, tmp_path, monkeypatch):
    """Run ``init`` on exports by file name, check what it wrote, and load it; returns what it wrote."""
    monkeypatch.chdir(tmp_path)

    def run(**written):
        for name, write in written.items():
            write(tmp_path / f"{name}.csv")
        names = [f"{name}.csv" for name in written]
        assert command("init", *names, "--force").code == 0
        checked = command("check", "pathworth.toml")
        assert checked.code == 0, checked.err
        configuration = read_configuration(tmp_path / "pathworth.toml")
        load(connection, configuration.sources(), configuration.load_settings())
        return (tmp_path / "pathworth.toml").read_text()

    return run


def table(connection, name, columns):
    return connection.execute(f"SELECT {columns} FROM {name} ORDER BY ALL").df()


def micros(time):
    return int(time.timestamp() * 1_000_000)


def truth(orders, customer, value):
    """Customer, microseconds and value in units of the loader of each order that is worth anything."""
    rows = [(customer(one), micros(one.time), round(value(one) * 100)) for one in orders if value(one)]
    return pd.DataFrame(sorted(rows), columns=["customer_id", "time_us", "value"])


def email(one):
    return f"u{one.customer}@shop.test"


@pytest.mark.parametrize(
    ("write", "customer"),
    [
        (lambda file: exports.shopify(file, ORDERS), email),
        (lambda file: exports.stripe(file, ORDERS), lambda one: f"cus_{one.customer}"),
        (lambda file: exports.woocommerce(file, ORDERS, by_line=False), email),
    ],
    ids=["shopify", "stripe", "woocommerce"],
)
def test_orders_are_worth_what_was_paid_less_what_was_refunded(loaded, connection, write, customer):
    loaded(orders=write)
    found = table(connection, "orders", "customer_id, time_us, value")
    pd.testing.assert_frame_equal(found, truth(ORDERS, customer, lambda one: one.kept), check_dtype=False)


def test_totals_on_each_line_are_not_added_up(loaded, connection):
    # Without shipping; of a refund each line bears its share, so an order keeps lines * (1 - refunded / total).
    text = loaded(orders=lambda file: exports.woocommerce(file, ORDERS, by_line=True))
    assert "# order_total stands on each line of an order" in text
    lines = {one.number: sum(quantity * price for quantity, _, price in one.lines) for one in ORDERS}
    kept = {one.number: lines[one.number] * one.kept / one.total for one in ORDERS if one.kept}
    (found,) = connection.execute("SELECT sum(value) / 10000 FROM orders").fetchone()
    assert found == pytest.approx(sum(kept.values()) / 100, abs=1e-3)


def test_shopify_lines_by_product_add_up_to_the_orders(loaded, connection, tmp_path):
    """The other way to read the export that stands in a comment: of each order its subtotal, refunds in proportion."""
    text = loaded(orders=lambda file: exports.shopify(file, ORDERS))
    lines = [line.removeprefix("#   ") for line in text.splitlines() if line.startswith("#   ")]
    begin = lines.index("[refunds]")
    head = ['[orders]\nfile = "orders.csv"\n[orders.columns]', 'customer_id = "Email"', 'order_id = "Name"']
    (tmp_path / "lines.toml").write_text("\n".join([*head, 'time = "Created at"', *lines[:begin], "", *lines[begin:]]))
    configuration = read_configuration(tmp_path / "lines.toml")
    with configuration.engine().connect() as fresh:
        load(fresh, configuration.sources(), configuration.load_settings())
        found = dict(fresh.execute("SELECT order_id, value / 10000 FROM orders").fetchall())
        by_product = dict(fresh.execute("SELECT product, sum(value) / 10000 FROM order_products GROUP BY 1").fetchall())
    kept = {f"#{one.number}": one.subtotal * one.kept / one.total / 100 for one in ORDERS if one.kept}
    assert found == pytest.approx(kept, abs=1e-3)
    shares = defaultdict(float)
    for one in ORDERS:
        gross = sum(quantity * price for quantity, _, price in one.lines)
        for quantity, name, price in one.lines:
            shares[name] += quantity * price / gross * kept.get(f"#{one.number}", 0.0)
    assert by_product == pytest.approx(dict(shares), abs=1e-3)


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_times_in_a_column_of_utc_are_read_so_in_any_zone(command, connection, tmp_path, monkeypatch, zone):
    monkeypatch.chdir(tmp_path)
    exports.stripe(tmp_path / "payments.csv", ORDERS)
    command("init", "payments.csv")
    configuration = read_configuration(tmp_path / "pathworth.toml", flags={"report.timezone": zone})
    load(connection, configuration.sources(), configuration.load_settings())
    found = [time for (time,) in connection.execute("SELECT time_us FROM orders ORDER BY 1").fetchall()]
    assert found == sorted(micros(one.time) for one in ORDERS if one.kept)


def named(channel):
    return "(direct) / (none)" if channel[0] is None else " / ".join(channel)


def touches_of(connection):
    sql = "SELECT customer_id, time_us, channel FROM touchpoints JOIN channels ON code = channel_code ORDER BY ALL"
    return connection.execute(sql).fetchall()


def test_of_ga4_events_visits_are_touches_and_purchases_orders(loaded, connection):
    loaded(events=lambda file: exports.ga4(file, EVENTS))
    starts = [
        (f"9.{one.customer}", micros(one.time), named(one.channel)) for one in EVENTS if one.name == "session_start"
    ]
    assert touches_of(connection) == sorted(starts)
    bought = truth(ORDERS, lambda one: f"9.{one.customer}", lambda one: one.total)
    pd.testing.assert_frame_equal(table(connection, "orders", "customer_id, time_us, value"), bought, check_dtype=False)


def test_where_ga4_starts_of_visits_name_no_source_the_events_that_do_are_touches(loaded, connection):
    text = loaded(events=lambda file: exports.ga4(file, EVENTS, starts_name_source=False))
    assert 'grain = "session"\n' in text
    views = [
        (f"9.{one.customer}", micros(one.time), named(one.channel))
        for one in EVENTS
        if one.name == "page_view" and one.channel[0] is not None
    ]
    assert touches_of(connection) == sorted(views)


def test_records_inside_of_columns_are_read_as_bigquery_writes_them(command, connection, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    events = pd.DataFrame(
        {
            "event_timestamp": [1_735_689_600_000_000, 1_735_689_700_000_000, 1_735_689_800_000_000],
            "event_name": ["session_start", "session_start", "purchase"],
            "user_pseudo_id": ["a", "b", "b"],
            "collected_traffic_source": [{"manual_source": "bing", "manual_medium": "cpc", "gclid": None}]
            + [{"manual_source": None, "manual_medium": None, "gclid": "x"}] * 2,
            "ecommerce": [{"transaction_id": None, "purchase_revenue": None}] * 2
            + [{"transaction_id": "T1", "purchase_revenue": 12.5}],
        }
    )
    events.to_parquet(tmp_path / "events.parquet")
    assert command("init", "events.parquet").code == 0
    assert command("check", "pathworth.toml").code == 0
    load(connection, read_configuration(tmp_path / "pathworth.toml").sources())
    assert [row[2] for row in touches_of(connection)] == ["bing / cpc", "google / cpc"]
    assert connection.execute("SELECT order_id, value / 10000 FROM orders").fetchall() == [("T1", 12.5)]


def test_a_report_of_four_exports_credits_each_order_to_the_visit_before_it(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exports.shopify(tmp_path / "orders.csv", ORDERS)
    exports.ga4(tmp_path / "events.csv", EVENTS)
    exports.google_ads(tmp_path / "google.csv")
    exports.meta(tmp_path / "meta.csv")
    assert command("init", "orders.csv", "events.csv", "google.csv", "meta.csv").code == 0
    brief = ("--set", "report.parts=channels", "--set", "attribution.depth=brief")
    assert command("report", "pathworth.toml", *brief).code == 0
    tables = tmp_path / "reports" / "latest" / "tables"
    credit = pd.read_csv(tables / "credit.csv").query("model == 'last_click'").set_index("channel")
    value, conversions = defaultdict(int), defaultdict(int)
    for one in ORDERS:
        if one.kept and one.customer % 3:  # every third customer never logs in, so no order of theirs has a touch
            visits = [
                event
                for event in EVENTS
                if event.customer == one.customer and event.name == "session_start" and event.time < one.time
            ]
            value[named(visits[-1].channel)] += one.kept
            conversions[named(visits[-1].channel)] += 1
    assert dict(credit["conversions"]) == dict(conversions)
    assert {name: round(amount * 100) for name, amount in credit["value"].items()} == dict(value)
    costs = pd.read_csv(tables / "channel_costs.csv").set_index("channel")["cost"]
    days = range(exports.SPEND_DAYS)
    assert dict(costs) == {"google / cpc": sum(1000.5 + day for day in days), "facebook / paid_social": 5 * len(days)}


def test_files_of_one_layout_are_read_together_and_what_both_hold_once(loaded, connection):
    first, second = ORDERS[:90], ORDERS[60:]
    loaded(one=lambda file: exports.shopify(file, first), two=lambda file: exports.shopify(file, second))
    found = table(connection, "orders", "customer_id, time_us, value")
    pd.testing.assert_frame_equal(found, truth(ORDERS, email, lambda one: one.kept), check_dtype=False)


def test_payments_of_the_same_orders_are_not_added_to_them(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exports.shopify(tmp_path / "orders.csv", ORDERS)
    exports.stripe(tmp_path / "payments.csv", ORDERS)
    said = command("init", "orders.csv", "payments.csv").err
    assert "NOT USED: payments.csv, [orders]" in said
    assert "Where it has further orders, and not those of orders.csv again, give each file a block [[orders]]" in said
    assert "payments.csv" not in [one.data.name for one in read_configuration(tmp_path / "pathworth.toml").sources()]


def test_cost_in_another_currency_is_not_taken_for_that_of_orders(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "orders.csv").write_text("Order ID,Customer ID,Date,Total (EUR)\n1,A,2024-02-05,100\n")
    exports.meta(tmp_path / "meta.csv", currency="USD")
    (tmp_path / "touches.csv").write_text("user_id,time,channel\nA,2024-02-04 10:00:00,Paid Social\n")
    command("init", "orders.csv", "meta.csv", "touches.csv")
    written = tmp_path / "pathworth.toml"
    assert "# currency_rates = { USD = ... }\n" in written.read_text()
    refused = command("check", "pathworth.toml")
    assert (refused.code, "there is no rate from USD to EUR" in refused.err) == (3, True)
    rates = written.read_text().replace("# currency_rates = { USD = ... }", "currency_rates = { USD = 0.5 }", 1)
    written.write_text(rates.replace("# currency_rates = {}", "#", 1))
    checked = command("check", "pathworth.toml")
    assert (checked.code, "150.00  kept" in " ".join(checked.out.split(" "))) == (0, True)
