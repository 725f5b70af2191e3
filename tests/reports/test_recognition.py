"""Files of data are recognised by their headers, and what init writes of them leaves out what is no sale."""

import pytest

from customer_data.loading import load
from reports.configuration.drafting import draft
from reports.configuration.example import configuration_text
from reports.configuration.reading import read_configuration
from reports.configuration.recognition import recognise

STRIPE = """\
id,Created date (UTC),Amount,Amount Refunded,Currency,Captured,Status,Customer ID
ch_1,2025-01-01 10:00:00,"1,100.00",0.00,eur,true,Paid,cus_1
ch_2,2025-01-02 10:00:00,50.00,20.00,eur,true,Paid,cus_2
ch_3,2025-01-03 10:00:00,70.00,0.00,eur,false,Failed,cus_3
ch_4,2025-01-04 10:00:00,80.00,80.00,eur,true,Refunded,cus_2
"""
SHOPIFY = """\
Name,Email,Financial Status,Paid at,Currency,Total,Created at,Lineitem name,Cancelled at,Refunded Amount,Id
#1,a@x,paid,2025-01-01 10:01:00 +0000,EUR,12.5,2025-01-01 10:00:00 +0000,hat,,0.00,1
#1,a@x,,,,,2025-01-01 10:00:00 +0000,cap,,,
#2,b@x,partially_refunded,2025-01-02 10:01:00 +0000,EUR,30,2025-01-02 10:00:00 +0000,hat,,10.00,2
#3,b@x,voided,,EUR,30,2025-01-03 10:00:00 +0000,hat,2025-01-04 10:00:00 +0000,0.00,3
#4,c@x,refunded,2025-01-03 10:01:00 +0000,EUR,30,2025-01-03 10:00:00 +0000,hat,,30.00,4
"""


@pytest.mark.parametrize(
    ("content", "kept"), [(STRIPE, [("ch_1", 1100.0), ("ch_2", 30.0)]), (SHOPIFY, [("#1", 12.5), ("#2", 20.0)])]
)
def test_init_leaves_out_payments_that_failed_and_takes_refunds_off(tmp_path, connection, content, kept):
    (tmp_path / "orders.csv").write_text(content)
    text = configuration_text(draft(recognise(tmp_path / "orders.csv")))
    (tmp_path / "p.toml").write_text(text)
    load(connection, read_configuration(tmp_path / "p.toml", environment={}).sources())
    assert connection.execute("SELECT order_id, value / 10000 FROM orders ORDER BY 1").fetchall() == kept


@pytest.mark.parametrize(
    ("content", "section", "columns", "options"),
    [
        (
            "Campaign report\nJanuary 1 - 31, 2025\nDay,Campaign,Clicks,Cost,Currency code\n2025-01-01,A,3,2.5,EUR\n",
            "spend",
            {"date": "Day", "cost": "Cost", "currency": "Currency code"},
            {"filter": "coalesce(\"Day\", '') NOT LIKE 'Total%'"},
        ),
        (
            "Reporting starts;Campaign name;Amount spent (EUR)\n2025-01-01;A;1.234,56\n",
            "spend",
            {"date": "Reporting starts", "cost": "Amount spent (EUR)"},
            {"filter": '"Campaign name" IS NOT NULL', "decimal": ","},
        ),
        (
            "user_pseudo_id,event_timestamp,session_default_channel_group\n1,1735689600123456,Direct\n",
            "touchpoints",
            {"customer_id": "user_pseudo_id", "time": "event_timestamp", "channel": "session_default_channel_group"},
            {"time_format": "epoch_us"},
        ),
        (
            "user_id,date,Order Total\n1,20250101,5\n",
            "orders",
            {"customer_id": "user_id", "time": "date", "value": "Order Total"},
            {"time_format": "%Y%m%d"},
        ),
        (
            "day\tchannel\tcost\n01.02.2025\tTV\t5\n".encode("utf-16"),
            "spend",
            {"date": "day", "channel": "channel", "cost": "cost"},
            {"encoding": "utf-16", "time_format": "%d.%m.%Y"},
        ),
    ],
)
def test_exports_are_recognised_with_how_they_are_written(tmp_path, content, section, columns, options):
    file = tmp_path / "export.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    (found,) = recognise(file)
    assert (found.section, found.columns, found.options) == (section, columns, options)


def test_init_says_what_it_is_not_sure_of(tmp_path):
    (tmp_path / "touches.csv").write_text("user_id,time,utm_source,utm_medium\n1,2025-01-01,google,cpc\n")
    (tmp_path / "orders.csv").write_text("user_id,time,value,status\n1,2025-01-01,5,complete\n")
    (tmp_path / "spend.csv").write_text("day,campaign,Cost (USD)\n2025-01-01,A,5\n")
    files = [tmp_path / f"{name}.csv" for name in ("touches", "orders", "spend")]
    text = configuration_text(draft([one for file in files for one in recognise(file)]))
    assert "channel = { sql = \"concat_ws(' / ', utm_source, utm_medium)\" }" in text
    assert "# channel: rows that name neither source nor medium have no channel" in text
    test = """'''lower("status") IN ('complete')'''"""
    assert f"# filter = {test}  # those values of status that mean a sale" in text
    assert "# channel = { sql = \"'Paid Search'\" }  # one name for all" in text
    assert "currency = { sql = \"'USD'\" }" in text


@pytest.mark.parametrize(
    ("content", "section", "columns", "filtered"),
    [
        (  # Matomo, Live.getLastVisitsDetails
            "idVisit,visitorId,serverTimestamp,referrerType,referrerTypeName,deviceType\n"
            "55,abc1,1735689600,search,Search Engines,Desktop\n",
            "touchpoints",
            {"customer_id": "visitorId", "time": "serverTimestamp", "channel": "referrerTypeName"},
            None,
        ),
        (  # HubSpot, deals
            "Record ID,Deal Name,Deal Stage,Close Date,Amount,Associated Contact IDs\n"
            '1,A,Closed Won,2024-01-02 10:00,"1,500",7\n',
            "orders",
            {"customer_id": "Associated Contact IDs", "time": "Close Date", "value": "Amount", "order_id": "Record ID"},
            "lower(\"Deal Stage\") IN ('closed won', 'closedwon')",
        ),
        (  # Klaviyo, profiles: the time at which one was made is no touch
            "Email,Klaviyo ID,City,Created\na@x.test,01H,Berlin,2024-01-02 10:00:00\n",
            "customers",
            {"customer_id": "Email"},
            None,
        ),
        (  # Google Ads in German
            'Kampagnenbericht\n1. Januar 2025\nTag,Kampagne,Währungscode,Kosten\n2025-01-01,Marke,EUR,"1.234,50"\n',
            "spend",
            {"date": "Tag", "cost": "Kosten", "currency": "Währungscode"},
            "coalesce(\"Tag\", '') NOT LIKE 'Gesamt%'",
        ),
    ],
    ids=["matomo", "hubspot", "klaviyo", "google-ads-de"],
)
def test_further_exports_are_recognised_by_their_columns(tmp_path, content, section, columns, filtered):
    (tmp_path / "export.csv").write_text(content)
    (found,) = recognise(tmp_path / "export.csv")
    assert found.section == section
    assert {ours: found.columns[ours] for ours in columns} == columns
    assert found.options.get("filter") == filtered


def test_rows_of_visits_are_touches_and_those_with_an_order_orders_too(tmp_path, connection):
    (tmp_path / "visits.csv").write_text(
        "# Free form\n\nDate,Session source / medium,Effective user ID,Transaction ID,Purchase revenue\n"
        "20240105,google / cpc,u1,(not set),0\n20240106,google / organic,u1,T1,49.90\n"
    )
    (tmp_path / "p.toml").write_text(configuration_text(draft(recognise(tmp_path / "visits.csv"))))
    load(connection, read_configuration(tmp_path / "p.toml", environment={}).sources())
    assert connection.execute("SELECT order_id, value / 10000 FROM orders").fetchall() == [("T1", 49.9)]
    touches = "SELECT channel FROM touchpoints JOIN channels ON code = channel_code ORDER BY time_us"
    assert connection.execute(touches).fetchall() == [("google / cpc",), ("google / organic",)]


def test_the_source_of_first_visits_is_not_taken_for_that_of_each(tmp_path):
    first, each = "traffic_source.source,traffic_source.medium", "session_source,session_medium"
    (tmp_path / "first.csv").write_text(f"user_pseudo_id,event_timestamp,{first}\n1,1735689600123456,google,cpc\n")
    (tmp_path / "both.csv").write_text(f"user_pseudo_id,event_timestamp,{first},{each}\n1,1735689600123456,a,b,c,d\n")
    (warned,), (sure,) = recognise(tmp_path / "first.csv"), recognise(tmp_path / "both.csv")
    assert any("the source of the user's first visit, the same for all of its visits" in note for note in warned.notes)
    assert (
        sure.computed["channel"]
        == "coalesce(session_source, '(direct)') || ' / ' || coalesce(session_medium, '(none)')"
    )
    assert sure.notes == ()


def test_what_may_be_read_two_ways_is_said(tmp_path):
    (tmp_path / "orders.csv").write_text("order_id,user_id,date,value\n1,u,01/02/2025,1.234\n2,u,02/03/2025,2.500\n")
    (tmp_path / "utc.csv").write_text("id,user_id,created (UTC),amount\n1,u,01/02/2025 10:00,5.25\n")
    (orders,), (utc,) = recognise(tmp_path / "orders.csv"), recognise(tmp_path / "utc.csv")
    assert orders.notes == (
        "date is read with the day first; with the month first it is %m/%d/%Y",
        '1.234 in value: a thousand and more, if the decimal mark is another: decimal = ","',
    )
    assert utc.notes == ("created (UTC) is read with the day first; with the month first it is %m/%d/%Y %H:%M",)
    assert utc.options == {"time_format": "%d/%m/%Y %H:%M", "timezone": "UTC"}


def test_cost_by_campaign_is_of_the_channels_that_are_called_so(tmp_path):
    (tmp_path / "touches.csv").write_text("user_id,time,channel\n1,2025-01-01,Summer\n")
    (tmp_path / "spend.csv").write_text("Day,Campaign,Cost\n2025-01-01,Summer,5\n2025-01-02,Winter,--\n")
    found = draft([one for name in ("touches", "spend") for one in recognise(tmp_path / f"{name}.csv")])
    (spend,) = found.sections["spend"]
    assert spend.columns["channel"] == "Campaign"
    assert spend.options["filter"] == "\"Cost\" <> '--'"


def test_addresses_name_customers_before_their_names_do(tmp_path):
    (tmp_path / "orders.csv").write_text("Order ID,Customer,Email,Date,Total\n1,Ann Smith,a@x.test,2025-01-01,5\n")
    (orders,) = recognise(tmp_path / "orders.csv")
    assert orders.columns["customer_id"] == "Email"


@pytest.mark.parametrize(
    ("name", "currency"),
    [
        ("Total (EUR)", "'EUR'"),
        ("Total USD", "'USD'"),
        ("total_in_gbp", "'GBP'"),
        ("Total", None),
        ("Sales (VAT)", None),
    ],
)
def test_a_currency_in_the_name_of_amounts_is_stated(tmp_path, name, currency):
    (tmp_path / "orders.csv").write_text(f"Order ID,User ID,Date,{name}\n1,7,2025-01-02,5\n")
    (orders,) = recognise(tmp_path / "orders.csv")
    assert orders.computed.get("currency") == currency


def test_orders_of_tickets_name_events_but_are_no_events(tmp_path):
    (tmp_path / "orders.csv").write_text("Order ID,Email,Date,Total,Event\n1,a@x.test,2025-01-02,50,Concert\n")
    (orders,) = recognise(tmp_path / "orders.csv")
    assert (orders.section, orders.columns["value"]) == ("orders", "Total")


@pytest.mark.parametrize(
    "content",
    [
        "anonymous_id,user_id,event,context_campaign_source,context_campaign_medium,timestamp,order_id,revenue\n"
        "a1,,viewed_page,google,cpc,2024-01-02T10:00:00.000Z,,\n"
        "a1,,clicked,,,2024-01-02T10:01:00.000Z,,\n"
        "a1,u1,order_completed,,,2024-01-02T10:10:00.000Z,T1,20.5\n",
        "event,domain_userid,derived_tstamp,mkt_source,mkt_medium,tr_orderid,tr_total\n"
        "page_view,d1,2024-01-02 10:00:00.000,google,cpc,,\n"
        "page_ping,d1,2024-01-02 10:01:00.000,,,,\n"
        "transaction,d1,2024-01-02 10:10:00.000,,,T1,20.5\n",
    ],
    ids=["segment", "snowplow"],
)
def test_of_other_events_those_that_name_a_source_are_touches(tmp_path, connection, content):
    (tmp_path / "events.csv").write_text(content)
    text = configuration_text(draft(recognise(tmp_path / "events.csv")))
    assert 'grain = "session"\n' in text
    (tmp_path / "p.toml").write_text(text)
    configuration = read_configuration(tmp_path / "p.toml", environment={}, flags={"report.timezone": "Asia/Tokyo"})
    load(connection, configuration.sources(), configuration.load_settings())
    at = 1_704_189_600_000_000  # 2024-01-02 10:00 UTC, whatever the zone of the report
    touches = "SELECT channel, time_us FROM touchpoints JOIN channels ON code = channel_code"
    assert connection.execute(touches).fetchall() == [("google / cpc", at)]
    assert connection.execute("SELECT order_id, value / 10000 FROM orders").fetchall() == [("T1", 20.5)]
    met = "SELECT count(*) FROM touchpoints JOIN orders USING (customer_id)"
    assert connection.execute(met).fetchone() == (1,)
