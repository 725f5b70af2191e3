"""Files of data are recognised by their headers, and what init writes of them leaves out what is no sale."""

import pytest

from customer_data.loading import load
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
    text = configuration_text([*recognise(tmp_path / "orders.csv")])
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
    text = configuration_text([one for file in files for one in recognise(file)])
    assert "channel = { sql = \"concat_ws(' / ', utm_source, utm_medium)\" }" in text
    assert "# channel: rows that name neither source nor medium have no channel" in text
    test = """'''lower("status") IN ('complete')'''"""
    assert f"# filter = {test}  # those values of status that mean a sale" in text
    assert "# channel = { sql = \"'Paid Search'\" }  # one name for all" in text
    assert "currency = { sql = \"'USD'\" }" in text
