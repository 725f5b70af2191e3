"""Parameters kept in a file and applied to new data without fitting again."""

import json
import os
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from clv.calendar import check_day, day_date, day_number
from clv.forecasting import Forecast, Terms, at_level, forecast_with
from clv.histories import ALL, build_histories
from clv.margins import ProductMargins
from clv.order_laws import BetaGeometricLaw, OrderLaw, ParetoLaw
from clv.segment_patterns import segment_patterns
from clv.segments import SegmentModels
from clv.spend_laws import SpendEstimate, SpendLaw
from clv.totals import CustomerModel
from customer_data.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

_FORMAT: Final = "pathworth customer models 1"


@dataclass(frozen=True)
class SavedModels:
    """Models read from a file.

    Attributes
    ----------
    fitted_until : int
        Last observed day of the data behind them, in days since 1970-01-01.
    models : tuple of CustomerModel
        The first is that of all customers.
    of_segment : mapping of str to int
        Index into ``models``; a segment that is not here takes the first.
    parameters, convergence : DataFrame
        As they were shown when the models were fitted.
    spend_correlation : float or None
    terms : Terms or None
        What was asked of the forecast; None in files that do not tell.
    clv : float or None
        The total that was forecast, as it was given out.
    margins : mapping of str to float
        The margin of each segment of the forecast, and of segment ``all``.
    level : float
        How many times what its models say the values of the forecast were.
    """

    fitted_until: int
    models: tuple[CustomerModel, ...]
    of_segment: Mapping[str, int]
    parameters: "pd.DataFrame"
    convergence: "pd.DataFrame"
    spend_correlation: float | None
    terms: Terms | None = None
    clv: float | None = None
    margins: Mapping[str, float] = field(default_factory=dict)
    level: float = 1.0

    def asked(
        self,
        *,
        segment_by: Sequence[str] | None = None,
        horizon_months: int | None = None,
        annual_rate: float | None = None,
        margin: float | ProductMargins | None = None,
        confidence: float | None = None,
        draws: int = 2_000,
        seed: int = 0,
    ) -> tuple[Terms, tuple[str, ...]]:
        """The saved terms with those given in their place, and a sentence where terms had to be assumed."""
        asked = {
            "horizon_months": horizon_months,
            "annual_rate": annual_rate,
            "margin": margin,
            "confidence": confidence,
            "segment_by": None if segment_by is None else tuple(segment_by),
        }
        given = {name: value for name, value in asked.items() if value is not None}
        kept = Terms() if self.terms is None else self.terms
        assumed = [f"{name} = {getattr(kept, name)!r}" for name in asked if name not in given]
        note = f"The saved models do not tell the terms of their forecast; assumed are {', '.join(assumed)}."
        terms = {name: given.get(name, getattr(kept, name)) for name in asked}
        return Terms(**terms, draws=draws, seed=seed), ((note,) if self.terms is None and assumed else ())

    def applied_to(self, connection: "duckdb.DuckDBPyConnection", *, table: str = "histories") -> SegmentModels:
        """These models with the patterns of the histories in the table; a note names segments without a model."""
        patterns = segment_patterns(connection, table=table)
        new = [name for name in patterns.segments if name not in self.of_segment]
        note = f"Segments without saved parameters take those of all customers: {', '.join(new)}."
        return SegmentModels(
            patterns=patterns,
            models=self.models,
            of_segment=np.array([self.of_segment.get(name, 0) for name in patterns.segments], dtype=np.intp),
            parameter_table=lambda: self.parameters,
            convergence=self.convergence,
            spend_correlation=self.spend_correlation,
            notes=(f"Parameters fitted until {day_date(self.fitted_until)} are applied without fitting again.",)
            + ((note,) if new and new != [ALL] else ()),
        )


def save_models(forecast: Forecast, path: Path | str) -> None:
    """Write the parameters behind a forecast, with their uncertainty, as JSON; numbers keep all their digits.

    The file appears whole or not at all.
    """
    fitted = forecast.models
    content = {
        "format": _FORMAT,
        "fitted_until": day_date(forecast.histories.until_day).isoformat(),
        "time_unit": "week",
        "models": [_written(model) for model in fitted.models],
        "segments": {name: int(index) for name, index in zip(fitted.patterns.segments, fitted.of_segment, strict=True)},
        "parameters": [_with_null(row) for row in fitted.parameters.to_dict("records")],
        "convergence": fitted.convergence.to_dict("records"),
        "spend_correlation": fitted.spend_correlation,
        "terms": _written_terms(forecast),
        "clv": float(forecast.segment_forecast["clv"].iloc[-1]),
        "level": forecast.level,
        "margins": dict(zip(forecast.segment_forecast["segment"], forecast.row_margins.tolist(), strict=True)),
    }
    target = Path(path)
    partial = target.with_name(f".{target.name}.partial")
    try:
        partial.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def load_models(path: Path | str) -> SavedModels:
    """Read what `save_models` wrote.

    Raises
    ------
    InputError
        There is no such file, or it holds something else.
    """
    import pandas as pd

    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            raise InputError(f"{path}: its format is {content['format']!r}, not {_FORMAT!r}; save the models again.")
        return SavedModels(
            fitted_until=day_number(content["fitted_until"]),
            models=tuple(_read(model) for model in content["models"]),
            of_segment=content["segments"],
            parameters=pd.DataFrame(content["parameters"]).astype({"high": np.float64}).fillna({"high": np.inf}),
            convergence=pd.DataFrame(content["convergence"]),
            spend_correlation=content["spend_correlation"],
            terms=_read_terms(content["terms"]) if "terms" in content else None,
            clv=content.get("clv"),
            margins=content.get("margins", {}),
            level=content.get("level", 1.0),
        )
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; save_models writes it.") from None
    except (KeyError, TypeError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: these are no saved models ({type(error).__name__}: {error}).") from None


def score(
    connection: "duckdb.DuckDBPyConnection",
    saved: SavedModels,
    *,
    as_of_day: int | None = None,
    segment_by: Sequence[str] | None = None,
    horizon_months: int | None = None,
    annual_rate: float | None = None,
    margin: float | ProductMargins | None = None,
    confidence: float | None = None,
    draws: int = 2_000,
    seed: int = 0,
) -> Forecast:
    """Forecast the customers on the connection with saved parameters; arguments as in `clv.forecast`.

    What is not given is as in the forecast that was saved. A file that does not tell takes the defaults of
    `clv.forecast`, and a note says which.

    Raises
    ------
    ConfigurationError
        The as-of day lies before the last day that the parameters have seen.
    """
    terms, assumed = saved.asked(
        segment_by=segment_by, horizon_months=horizon_months, annual_rate=annual_rate, margin=margin,
        confidence=confidence, draws=draws, seed=seed,
    )  # fmt: skip
    check_day("as_of_day", as_of_day)
    summary = build_histories(connection, until_day=as_of_day, segment_by=terms.segment_by)
    if summary.until_day < saved.fitted_until:
        raise ConfigurationError(
            f"the parameters have seen data until {day_date(saved.fitted_until)}, the forecast is made on "
            f"{day_date(summary.until_day)}: it would know its own future. Choose a later as-of day, or fit again."
        )
    made = forecast_with(connection, summary, saved.applied_to(connection), terms)
    if saved.terms is not None and terms.horizon_months == saved.terms.horizon_months:
        made = at_level(connection, made, saved.level)
    return replace(made, notes=(*assumed, *made.notes), warnings=(*assumed, *made.warnings))


def _written_terms(forecast: Forecast) -> dict[str, Any]:
    terms = forecast.terms
    law = forecast.models.models[0].orders
    return {
        "horizon_months": terms.horizon_months,
        "annual_rate": terms.annual_rate,
        "margin": asdict(terms.margin) if isinstance(terms.margin, ProductMargins) else terms.margin,
        "confidence": terms.confidence,
        "segment_by": list(terms.segment_by),
        "order_time": "days" if getattr(law, "day", 0.0) > 0 else "continuous",
    }


def _read_terms(content: Mapping[str, Any]) -> Terms:
    margin = content["margin"]
    return Terms(
        content["horizon_months"],
        content["annual_rate"],
        ProductMargins(**margin) if isinstance(margin, dict) else margin,
        content["confidence"],
        segment_by=tuple(content["segment_by"]),
    )


def _with_null(row: Mapping[Hashable, Any]) -> dict[str, Any]:
    """The row of a table as JSON knows it: no end of an interval is null."""
    return {str(name): None if value == np.inf else value for name, value in row.items()}


def _written(model: CustomerModel) -> dict[str, Any]:
    law, spend = model.orders, model.spend
    assert isinstance(law, BetaGeometricLaw | ParetoLaw)
    return {
        "orders": asdict(law),
        "orders_log_covariance": model.order_covariance.tolist(),
        "orders_shared": None if model.order_shared is None else model.order_shared.tolist(),
        "spend": {"p": spend.law.p, "q": spend.law.q, "v": spend.law.v, "largest_spread": spend.law.largest_spread},
        "spend_log_covariance": spend.log_covariance.tolist(),
        "spend_shared": None if model.spend_shared is None else model.spend_shared.tolist(),
        "spend_source": spend.source,
        "spend_notes": list(spend.notes),
    }


def _read(model: Mapping[str, Any]) -> CustomerModel:
    spend = SpendEstimate(
        law=SpendLaw(**model["spend"]),
        log_covariance=np.array(model["spend_log_covariance"], dtype=np.float64),
        source=model["spend_source"],
        fit=None,
        notes=tuple(model["spend_notes"]),
    )
    covariance = np.array(model["orders_log_covariance"], dtype=np.float64)
    law: OrderLaw = ParetoLaw(**model["orders"]) if "beta" in model["orders"] else BetaGeometricLaw(**model["orders"])
    order_shared, spend_shared = (
        None if model.get(name) is None else np.array(model[name], dtype=np.float64)
        for name in ("orders_shared", "spend_shared")
    )
    return CustomerModel(law, covariance, spend, order_shared, spend_shared)
