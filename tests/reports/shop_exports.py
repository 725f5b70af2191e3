"""A small made-up shop, and the exports that its tools would write of it: columns and quirks as their documents say."""

import csv
import datetime as dt
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CHANNELS = (
    ("google", "cpc"),
    ("google", "organic"),
    ("facebook", "paid_social"),
    (None, None),
    ("newsletter", "email"),
)
SPEND_DAYS = 60


@dataclass(frozen=True)
class Order:
    """One order: lines of quantity, name and price in cents, and what became of it."""

    number: int
    customer: int
    time: dt.datetime
    lines: tuple[tuple[int, str, int], ...]
    discount: int
    shipping: int
    status: str
    refunded: int

    @property
    def subtotal(self) -> int:
        """The lines less the discount, in cents."""
        return sum(quantity * price for quantity, _, price in self.lines) - self.discount

    @property
    def total(self) -> int:
        """What is to be paid, in cents."""
        return self.subtotal + self.shipping

    @property
    def kept(self) -> int:
        """What was paid and not taken back, in cents."""
        return self.total - self.refunded if self.status in ("paid", "partially_refunded") else 0


@dataclass(frozen=True)
class Event:
    """A visit that starts, a page that is viewed or a purchase."""

    time: dt.datetime
    customer: int
    name: str
    channel: tuple[str | None, str | None]
    order: Order | None = None


def made_shop(*, customers: int = 120, seed: int = 4) -> tuple[list[Order], list[Event]]:
    """The orders and the events of the shop, each visit with two pages, each order after a visit of its own."""
    draws = np.random.default_rng(seed)
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    orders: list[Order] = []
    events: list[Event] = []

    def visit(customer: int, time: dt.datetime) -> tuple[str | None, str | None]:
        channel = CHANNELS[draws.choice(5, p=[0.3, 0.2, 0.2, 0.2, 0.1])]
        events.append(Event(time, customer, "session_start", channel))
        events.append(Event(time + dt.timedelta(seconds=1), customer, "page_view", channel))
        events.append(Event(time + dt.timedelta(minutes=3), customer, "page_view", (None, None)))
        return channel

    for customer in range(customers):
        for day in draws.uniform(0, 500, size=draws.integers(1, 4)):
            visit(customer, start + dt.timedelta(days=float(day)))
        for day in sorted(draws.uniform(0, 500, size=draws.choice(5, p=[0.4, 0.25, 0.15, 0.1, 0.1]))):
            time = start + dt.timedelta(days=float(day))
            visit(customer, time - dt.timedelta(minutes=9))
            coat = (1, "coat, long", int(draws.integers(9_000, 20_000)))
            lines = ((int(draws.integers(1, 4)), "sleeve", 150), *([coat] if draws.random() < 0.6 else []))
            gross = sum(quantity * price for quantity, _, price in lines)
            status = str(draws.choice(["paid", "partially_refunded", "refunded", "voided"], p=[0.8, 0.1, 0.05, 0.05]))
            discount = gross // 5 if draws.random() < 0.3 else 0
            order = Order(1000 + len(orders), customer, time.replace(microsecond=0), lines, discount, 495, status, 0)
            back = {"partially_refunded": order.total // 3, "refunded": order.total}.get(status, 0)
            orders.append(Order(**{**order.__dict__, "refunded": back}))
            events.append(Event(order.time, customer, "purchase", (None, None), orders[-1]))
    return orders, sorted(events, key=lambda event: (event.time, event.customer))


def money(cents: int) -> str:
    """Cents as exports write them."""
    return f"{cents / 100:.2f}"


def write_csv(
    file: Path, header: str, rows: list[list[object]], *, encoding: str = "utf-8", separator: str = ","
) -> None:
    """Write a file; lines of ``header`` before the last are a preamble."""
    text = io.StringIO(newline="")
    *before, names = header.split("\n")
    text.writelines(f"{line}\n" for line in before)
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow(names.split(","))
    writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
    file.write_text(text.getvalue(), encoding=encoding)


def shopify(file: Path, orders: list[Order]) -> None:
    """One row a line; what is of the order on the first one alone; taxes inside of prices."""
    rows: list[list[object]] = []
    for one in orders:
        created = one.time.astimezone(dt.timezone(dt.timedelta(hours=1))).strftime("%Y-%m-%d %H:%M:%S %z")
        cancelled = created if one.status == "voided" else ""
        amounts = [money(one.subtotal), money(one.shipping), money(one.total * 19 // 119), money(one.total)]
        for place, (quantity, name, price) in enumerate(one.lines):
            first = place == 0
            rows.append(
                [f"#{one.number}", f"u{one.customer}@shop.test", one.status if first else ""]
                + (["EUR", *amounts, money(one.discount)] if first else [""] * 6)
                + [created, quantity, name, money(price)]
                + ([cancelled, money(one.refunded), 5_000_000 + one.number, "web"] if first else [""] * 4)
            )
    write_csv(
        file,
        "Name,Email,Financial Status,Currency,Subtotal,Shipping,Taxes,Total,Discount Amount,Created at,"
        "Lineitem quantity,Lineitem name,Lineitem price,Cancelled at,Refunded Amount,Id,Source",
        rows,
    )


def stripe(file: Path, orders: list[Order]) -> None:
    """One row a payment, times in UTC without saying so in the row, a test payment, thousands grouped."""
    named = {"paid": "Paid", "partially_refunded": "Partial Refund", "refunded": "Refunded", "voided": "Failed"}
    rows: list[list[object]] = [
        [
            *(f"ch_{one.number}", one.time.strftime("%Y-%m-%d %H:%M:%S"), f"{one.total / 100:,.2f}"),
            *(money(one.refunded), "eur", str(one.status != "voided").lower(), "Live", named[one.status]),
            *(f"cus_{one.customer}", f"u{one.customer}@shop.test"),
        ]
        for one in orders
    ]
    rows.append(["ch_1", "2024-03-01 10:00:00", "99.00", "0.00", "eur", "true", "Test", "Paid", "cus_1", "t@shop.test"])
    write_csv(
        file,
        "id,Created date (UTC),Amount,Amount Refunded,Currency,Captured,Mode,Status,Customer ID,Customer Email",
        rows,
    )


def ga4(file: Path, events: list[Event], *, starts_name_source: bool = True) -> None:
    """BigQuery's export, its records flattened; a direct visit and a purchase name no source."""
    rows: list[list[object]] = []
    for one in events:
        source, medium = one.channel
        if one.name == "session_start" and not starts_name_source:
            source = medium = None
        bought = [f"T{one.order.number}", money(one.order.total)] if one.order else ["", ""]
        login = f"u{one.customer}@shop.test" if one.customer % 3 else ""
        rows.append(
            [
                *(one.time.strftime("%Y%m%d"), int(one.time.timestamp() * 1e6), one.name, f"9.{one.customer}"),
                *(login, source, medium, *bought),
            ]
        )
    write_csv(
        file,
        "event_date,event_timestamp,event_name,user_pseudo_id,user_id,collected_traffic_source.manual_source,"
        "collected_traffic_source.manual_medium,ecommerce.transaction_id,ecommerce.purchase_revenue",
        rows,
    )


def google_ads(file: Path) -> None:
    """A title, dates, and the totals in the last row; UTF-16 with tabs."""
    days = [dt.date(2024, 2, 1) + dt.timedelta(days=day) for day in range(SPEND_DAYS)]
    rows: list[list[object]] = [[day, "Brand, DE", "EUR", f"{1000 + place:,}.50", 7] for place, day in enumerate(days)]
    rows.append(["Total: Account", "--", "EUR", "61,800.00", 420])
    title = "Campaign report\n1 February 2024 - 31 March 2024\n"
    write_csv(file, f"{title}Day,Campaign,Currency code,Cost,Impr.", rows, encoding="utf-16", separator="\t")


def meta(file: Path, *, currency: str = "EUR") -> None:
    """The currency in the name of the column, the totals in a row without a campaign."""
    days = [dt.date(2024, 2, 1) + dt.timedelta(days=day) for day in range(SPEND_DAYS)]
    rows: list[list[object]] = [["", "", "300.00", days[0], days[-1]]]
    rows += [["Summer | DE", day, "5.00", day, day] for day in days]
    write_csv(file, f"Campaign name,Day,Amount spent ({currency}),Reporting starts,Reporting ends", rows)


def woocommerce(file: Path, orders: list[Order], *, by_line: bool) -> None:
    """One row an order, or one a line with the total of the order on each; guests are customer 0."""
    named = {"paid": "completed", "partially_refunded": "processing", "refunded": "refunded", "voided": "failed"}
    rows: list[list[object]] = []
    for one in orders:
        order = [one.number, one.time.strftime("%Y-%m-%d %H:%M:%S"), named[one.status], money(one.shipping)]
        order += [money(one.total), money(one.refunded), "EUR", 0, f"u{one.customer}@shop.test"]
        for quantity, name, price in one.lines if by_line else one.lines[:1]:
            rows.append([*order, name, quantity, money(quantity * price)] if by_line else order)
    lines = ",item_name,item_quantity,item_total" if by_line else ""
    write_csv(
        file,
        "order_id,date,status,shipping_total,order_total,refunded_total,order_currency,customer_id,billing_email"
        + lines,
        rows,
    )
