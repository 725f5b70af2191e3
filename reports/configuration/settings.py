"""The sections and keys of ``pathworth.toml``, their types, bounds and defaults.

Imported only when a configuration is read (pydantic takes some 50 ms). The description of each key is the comment that
``pathworth init`` writes above it.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from customer_data.nearest import did_you_mean
from reports.configuration.value_types import (
    ChannelSet,
    Column,
    Day,
    Names,
    Share,
    as_blocks,
    as_list,
    as_order,
    as_sets,
    as_sources,
)


class Section(BaseModel):
    """One table of the configuration; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class ReportSection(Section):
    parts: Annotated[tuple[Literal["channels", "value"], ...], Field(strict=False), BeforeValidator(as_list)] = Field(
        default=("channels", "value"), min_length=1, description="What to report, as far as there is data for it."
    )
    title: str = Field(default="Channels and customer value", min_length=1, description="Stands on the first page.")
    output: str = Field(
        default="reports", min_length=1, description="Folder of the run folders, made when it is not there."
    )
    seed: int = Field(default=1, ge=0, le=2**63 - 1, description="Of everything random.")
    timezone: str = Field(default="UTC", description="Zone of times without one, and of calendar days; an IANA name.")
    currency: str | None = Field(default=None, pattern=r"^[A-Z]{3}$", description="Of the report, three letters.")
    currency_rates: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict, description="What one unit of each other currency is worth in the report's."
    )
    as_of: Day | None = Field(
        default=None,
        description="Look back from the end of this day, before any later refund; by default the data's last day.",
    )
    confidence: Share = Field(default=0.90, description="Of every interval.")
    fonts: Names = Field(default=(), description="More font files, for names in scripts that DejaVu Sans lacks.")


class EngineSection(Section):
    memory_limit: str | None = Field(default=None, description='As in "4GB"; beyond it the engine spills to disk.')
    threads: int | None = Field(
        default=None,
        ge=1,
        description="Of the engine; by default one per core. Channels and customers run side by side in any case; "
        "answers do not depend on it.",
    )
    spill_folder: str | None = Field(default=None, description="Where the engine writes what does not fit.")


class SourceSection(Section):
    """What the sources of all five tables have in common."""

    file: Names | None = Field(
        default=None, description="CSV (also .gz) or Parquet; a list of files or a pattern is allowed."
    )
    database: str | None = Field(
        default=None, description="A DuckDB file, in place of file; table names what to read in it."
    )
    table: str | None = Field(default=None, description="A table or view of the database.")
    columns: dict[str, Column] = Field(
        default_factory=dict, description='Ours = theirs, or ours = { sql = "an expression of theirs" }.'
    )
    time_format: str | None = Field(
        default=None, description='When not ISO 8601: as in "%d/%m/%Y %H:%M", or epoch_s, epoch_ms, epoch_us.'
    )
    timezone: str | None = Field(
        default=None, description="Zone of times without one in this source; by default report.timezone."
    )
    separator: str | None = Field(default=None, description='Between the fields of a CSV file, or "whitespace".')
    encoding: str = Field(default="utf-8", description="utf-8, utf-16 or latin-1.")
    decimal: str = Field(default=".", description="The decimal mark.")
    names: Names | None = Field(default=None, description="The names of the columns of a CSV file without a header.")
    filter: str | None = Field(default=None, description="Only rows for which this SQL expression holds are read.")
    duplicates: Literal["keep", "drop"] = Field(default="keep", description="Rows equal in every column: keep or drop.")


class TouchpointsSection(SourceSection):
    missing_channel: str | None = Field(default=None, description="The channel of rows that name none (spend too).")
    rename_channels: dict[str, str] = Field(
        default_factory=dict, description="Channels to count under another name (spend too): theirs = ours."
    )


class OrdersSection(SourceSection):
    refunds: Literal["net", "reject"] = Field(
        default="net", description="Take refunds from their orders, or reject them."
    )


Sources = Annotated[tuple[SourceSection, ...], Field(strict=False, min_length=1), BeforeValidator(as_sources)]
Touches = Annotated[tuple[TouchpointsSection, ...], Field(strict=False, min_length=1), BeforeValidator(as_sources)]
Orders = Annotated[tuple[OrdersSection, ...], Field(strict=False, min_length=1), BeforeValidator(as_sources)]


class PathColumns(Section):
    path: str = "path"
    conversions: str = "conversions"
    value: str | None = None
    nulls: str | None = None
    value_squares: str | None = None


class PathsSection(Section):
    file: str = Field(description="Aggregated paths, one row per path: CSV (also .gz) or Parquet.")
    columns: PathColumns = Field(
        default_factory=PathColumns,
        description="Theirs of path, conversions, value, nulls, value_squares, where they are not ours.",
    )
    separator: str | None = Field(default=None, description="Between the fields of a CSV file; found if not given.")
    step: str = Field(default=">", description="Between the channels of a path.")
    rename_channels: dict[str, str] = Field(
        default_factory=dict, description="Channels to count under another name: theirs = ours."
    )
    encoding: str = Field(default="utf-8", description="utf-8, utf-16 or latin-1.")
    decimal: str = Field(default=".", description="The decimal mark.")


class ExperimentSection(Section):
    """A lift test: what an experiment found a channel to have caused."""

    channel: str = Field(min_length=1, description="The channel that was switched off, or on, for some.")
    from_: Day | None = Field(
        default=None, alias="from", description="First day of the test; by default the data's first day."
    )
    until: Day | None = Field(default=None, description="Last day of the test; by default the data's last day.")
    incremental_conversions: float = Field(
        description="What the channel caused in that time among all customers, scaled up where only some were tested."
    )
    standard_error: float = Field(gt=0, description="Of incremental_conversions.")
    cost: float | None = Field(default=None, ge=0, description="What the channel cost in that time.")

    @field_validator("until")
    @classmethod
    def _in_order(cls, value: dt.date | None, info: ValidationInfo) -> dt.date | None:
        first = info.data.get("from_")
        if value is not None and first is not None and value < first:
            raise PydanticCustomError("window", "{until} lies before from, {first}", {"until": value, "first": first})
        return value


class AttributionSection(Section):
    lookback_days: float = Field(
        default=30.0, ge=0, description="Touches earlier than this before an order earn nothing."
    )
    half_life_days: float = Field(default=7.0, gt=0, description="Of time decay.")
    models: Names = Field(
        default=("first_click", "last_click", "last_non_direct_click", "linear", "position_based", "markov"),
        description="Models of credit to compute.",
    )
    baseline: str = Field(default="last_click", description="The model to compare against.")
    model: str = Field(default="markov", description="The model compared with the baseline.")
    order: Annotated[int | Literal["auto"], BeforeValidator(as_order)] = Field(
        default=1, description='Of the Markov chain: how many last channels it remembers, 1 to 20, or "auto": held out.'
    )
    convention: Literal["exact", "channelattribution"] = Field(
        default="exact",
        description="Of Markov credit and removal effects; channelattribution: very long walks count as lost.",
    )
    position_weights: Annotated[tuple[float, ...], Field(strict=False)] = Field(
        default=(0.4, 0.2, 0.4),
        min_length=3,
        max_length=3,
        description="First, middle and last touch in position_based; they add up to 1.",
    )
    custom_weights: Annotated[tuple[float, ...], Field(strict=False)] | None = Field(
        default=None,
        description="Of custom: the last touch, the one before it, and so on; touches before these get nothing.",
    )
    direct: str = Field(
        default="direct",
        description="The channel that last_non_direct_click and drop_direct_unless_alone pass over; direct also finds "
        "(direct) and (direct) / (none), in capitals or not.",
    )
    grain: Literal["touch", "session"] = Field(
        default="touch",
        description="Of journeys: touches, or visits (sessions), each as the channel of its first touch.",
    )
    session_minutes: float = Field(default=30.0, gt=0, description="A longer pause than this ends a visit, in minutes.")
    transform: Literal["keep_all", "collapse_repeats", "first_of_each", "last_of_each", "drop_direct_unless_alone"] = (
        Field(default="keep_all", description="What of a path counts, by name; keep_all: every touch.")
    )
    segments: Annotated[tuple[Literal["customers", "types"], ...], Field(strict=False), BeforeValidator(as_list)] = (
        Field(
            default=("customers", "types"),
            description="Credit apart for first and later orders (customers) and for each type of orders (types); "
            "full depth.",
        )
    )
    experiments: Annotated[tuple[ExperimentSection, ...], Field(strict=False), BeforeValidator(as_blocks)] = Field(
        default=(),
        description="Lift tests to calibrate the credit with: one block [[attribution.experiments]] for each.",
    )
    prior_multiplier: float = Field(
        default=1.0,
        ge=0.1,
        le=10,
        description="Before any lift test: what a typical channel causes for one conversion credited.",
    )
    prior_multiplier_spread: float = Field(
        default=0.5,
        ge=0.1,
        le=1,
        description="How unsure that is: the standard deviation of its logarithm; 0.5 is 0.44 to 2.3 times, with 90 %.",
    )
    prior_channel_spread: float = Field(
        default=0.5,
        ge=0.1,
        le=1,
        description="How far channels differ from it: the scale of the half-normal standard deviation of logarithms.",
    )
    remove: Annotated[tuple[ChannelSet, ...], Field(strict=False), BeforeValidator(as_sets)] = Field(
        default=(), description='Sets of channels to switch off together, as in [["Email", "SMS"], ["Display"]].'
    )
    substitution: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Share of the traffic into what is switched off that comes another way; 0.3 is 30 %.",
    )
    bootstrap_replicates: int = Field(
        default=0, ge=0, le=100_000, description="0: intervals by the delta method; 20 or more: by bootstrap."
    )
    include_open: bool = Field(default=False, description="Count journeys still open at the end of the data as lost.")
    depth: Literal["full", "brief"] = Field(
        default="full", description="full: also why credit moved and how far it depends on choices; brief: faster."
    )

    @field_validator("models", "baseline", "model")
    @classmethod
    def _known(cls, value: Any) -> Any:
        from attribution.credit import MODELS

        for name in (value,) if isinstance(value, str) else value:
            if name not in MODELS:
                hint = did_you_mean(name, MODELS, likeness=0.7) or f" There are: {', '.join(MODELS)}."
                raise PydanticCustomError(
                    "model", "there is no model {name}.{hint}", {"name": repr(name), "hint": hint}
                )
        return value

    @field_validator("bootstrap_replicates")
    @classmethod
    def _enough(cls, value: int) -> int:
        from attribution.comparison import FEWEST_REPLICATES

        if 0 < value < FEWEST_REPLICATES:
            raise PydanticCustomError(
                "replicates",
                "{given} replicates give no percentiles. Write 0 (the delta method) or {fewest} or more",
                {"given": value, "fewest": FEWEST_REPLICATES},
            )
        return value

    @field_validator("position_weights")
    @classmethod
    def _weights(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if min(value) < 0 or abs(sum(value) - 1) > 1e-9:
            raise PydanticCustomError(
                "weights", "weights must not be negative and must add up to 1, not {total}", {"total": sum(value)}
            )
        return value

    @field_validator("custom_weights")
    @classmethod
    def _counted_back(cls, value: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if value is not None and (not value or min(value) < 0 or not value[0] > 0):
            raise PydanticCustomError(
                "weights",
                "weights are 0 or more, and the first, of the last touch, above 0, as in [0.5, 0.3, 0.2]; not {given}",
                {"given": str(list(value))},
            )
        return value


class ClvSection(Section):
    segment_by: Names = Field(default=(), description="Attributes of customers; a forecast per value.")
    parameters: Literal["pooled", "separate", "partial"] = Field(
        default="partial",
        description="One fit for all, separate fits per segment, or partial: small segments lean on the others.",
    )
    orders_model: Literal["bg_nbd", "mbg_nbd", "pareto_nbd", "auto"] = Field(
        default="bg_nbd",
        description="bg_nbd, mbg_nbd, pareto_nbd, or auto: the one that foretold repeat orders held back best.",
    )
    order_time: Literal["days", "continuous"] = Field(
        default="days",
        description="Of bg_nbd and mbg_nbd. days: each holds one purchase at most; continuous: as published.",
    )
    horizon_months: int = Field(default=12, ge=1, le=120, description="How far ahead.")
    infinite_horizon: bool = Field(
        default=False, description="Also value each customer without an end: clv_infinite in customer_forecast."
    )
    annual_discount_rate: float = Field(default=0.10, ge=0, lt=2, description="Effective, a year; 0.1 is 10 %.")
    margin: float | None = Field(
        default=None, gt=0, le=1, description="Share of revenue counted as value; default: all."
    )
    product_margins: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(
        default={},
        description="Shares by product, by which each customer has a margin; margin is then that of all others.",
    )
    holdout_days: int | None = Field(
        default=None, ge=1, description="Held back to check the forecast; by default the last third, at most 52 weeks."
    )
    holdout_until: Day | None = Field(default=None, description="Or: fit on orders up to this day, forecast the rest.")
    origins: int = Field(
        default=9,
        ge=0,
        le=60,
        description="Past days to forecast from: their errors widen intervals, 8 may show them calibrated; 0: none.",
    )
    depth: Literal["full", "brief"] = Field(
        default="full", description="full: also forecasts from past days, cash flows and drift; brief: faster."
    )


class ChecksSection(Section):
    max_quarantined_share: float = Field(
        default=0.05, ge=0, le=1, description="Exit with 1 when more of a source's rows were put aside."
    )
    fail_on_silence: bool = Field(
        default=True,
        description="Exit with 1 when no order came for more than a week before the as-of day, and longer than ever.",
    )
    max_holdout_error: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Exit with 4 when orders held back are forecast worse than this; 0.2 is 20 %.",
    )
    fail_on_drift: bool = Field(
        default=False,
        description="Exit with 1 when customers order otherwise than a run of a quarter ago (or the oldest) foretold.",
    )


class Settings(Section):
    """The whole configuration. Each section of data is a tuple of its blocks, empty where it is not there."""

    report: ReportSection = Field(default_factory=ReportSection)
    engine: EngineSection = Field(default_factory=EngineSection)
    touchpoints: Touches = ()
    orders: Orders = ()
    refunds: Sources = ()
    spend: Sources = ()
    customers: Sources = ()
    paths: PathsSection | None = None
    attribution: AttributionSection = Field(default_factory=AttributionSection)
    clv: ClvSection = Field(default_factory=ClvSection)
    checks: ChecksSection = Field(default_factory=ChecksSection)


SOURCE_TABLES = ("touchpoints", "orders", "refunds", "spend", "customers")
