"""Fitted models as lifetimes' own fitters, so that what was built on lifetimes keeps working.

lifetimes is imported only here, and what its import does to the process (a filter on warnings, an option of pandas)
is undone.
"""

import warnings
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from clv.arrays import FloatArray
from clv.maximum_likelihood import FittedModel
from clv.order_models import OrdersFit

if TYPE_CHECKING:
    import pandas as pd
    from lifetimes import (
        BetaGeoBetaBinomFitter,
        BetaGeoFitter,
        GammaGammaFitter,
        ModifiedBetaGeoFitter,
        ParetoNBDFitter,
    )

    from clv.beta_geo import BetaGeoFit
    from clv.beta_geo_beta_binomial import BetaGeoBetaBinomialFit
    from clv.gamma_gamma import GammaGammaFit
    from clv.modified_beta_geo import ModifiedBetaGeoFit
    from clv.pareto_nbd import ParetoNBDFit

_CONFIDENCE = 1.96  # the quantile that lifetimes uses


def beta_geo_fitter(fit: "BetaGeoFit") -> "BetaGeoFitter":
    """lifetimes' ``BetaGeoFitter`` with the parameters, standard errors and customers of a fit."""
    lifetimes, generate = _lifetimes()
    return _orders_fitter(lifetimes.BetaGeoFitter(), fit, generate.beta_geometric_nbd_model)


def modified_beta_geo_fitter(fit: "ModifiedBetaGeoFit") -> "ModifiedBetaGeoFitter":
    """lifetimes' ``ModifiedBetaGeoFitter`` with the parameters, standard errors and customers of a fit."""
    lifetimes, generate = _lifetimes()
    return _orders_fitter(lifetimes.ModifiedBetaGeoFitter(), fit, generate.modified_beta_geometric_nbd_model)


def pareto_nbd_fitter(fit: "ParetoNBDFit") -> "ParetoNBDFitter":
    """lifetimes' ``ParetoNBDFitter`` with the parameters, standard errors and customers of a fit."""
    lifetimes, generate = _lifetimes()
    return _orders_fitter(lifetimes.ParetoNBDFitter(), fit, generate.pareto_nbd_model)


def beta_geo_beta_binomial_fitter(fit: "BetaGeoBetaBinomialFit") -> "BetaGeoBetaBinomFitter":
    """lifetimes' ``BetaGeoBetaBinomFitter`` with the parameters, standard errors and customers of a fit."""
    import pandas as pd

    lifetimes, generate = _lifetimes()
    fitter = lifetimes.BetaGeoBetaBinomFitter()
    _set_results(fitter, fit)
    patterns, whole = fit.patterns, np.int64
    fitter.data = pd.DataFrame(
        {
            "frequency": patterns.x.astype(whole),
            "recency": patterns.t_x.astype(whole),
            "n_periods": patterns.T.astype(whole),
            "weights": _whole(patterns.count),
        }
    )
    periods = np.repeat(patterns.T.astype(whole), np.rint(patterns.count).astype(whole))
    fitter.generate_new_data = lambda size=1: generate.beta_geometric_beta_binom_model(
        periods, *fitter.params_, size=size
    )
    return fitter


def gamma_gamma_fitter(fit: "GammaGammaFit") -> "GammaGammaFitter":
    """lifetimes' ``GammaGammaFitter`` with the parameters, standard errors and customers of a fit."""
    import pandas as pd

    lifetimes, _ = _lifetimes()
    fitter = lifetimes.GammaGammaFitter()
    _set_results(fitter, fit)
    fitter.data = pd.DataFrame(
        {"monetary_value": fit.monetary_value, "frequency": fit.frequency, "weights": _whole(fit.weight)}
    )
    return fitter


def _lifetimes() -> tuple[ModuleType, ModuleType]:
    """lifetimes and its simulators, imported without a trace in the filters of warnings or in pandas' options."""
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        chained = pd.get_option("mode.chained_assignment")
        try:
            import lifetimes
            from lifetimes import generate_data
        finally:
            pd.set_option("mode.chained_assignment", chained)
    return lifetimes, generate_data


def _set_results(fitter: Any, fit: FittedModel) -> None:
    import pandas as pd

    fitter.params_ = pd.Series(dict(fit.parameters))
    fitter._negative_log_likelihood_ = -fit.log_likelihood / fit.customers
    fitter._hessian_ = np.linalg.inv(fit.estimate.log_covariance) / fit.customers
    fitter.variance_matrix_ = fit.covariance
    fitter.standard_errors_ = pd.Series(dict(fit.standard_errors))
    margin = _CONFIDENCE * fitter.standard_errors_
    fitter.confidence_intervals_ = pd.DataFrame(
        {"lower 95% bound": fitter.params_ - margin, "upper 95% bound": fitter.params_ + margin}
    )


def _orders_fitter(fitter: Any, fit: OrdersFit, simulate: Callable[..., "pd.DataFrame"]) -> Any:
    """The fitter with results, and one row per customer, for lifetimes' figures count rows.

    Where the counts are fractions there is one row per pattern, with its weight.
    """
    import pandas as pd

    _set_results(fitter, fit)
    patterns = fit.patterns
    counts = _whole(patterns.count)
    repeats = counts if counts.dtype == np.int64 else np.ones(len(patterns), dtype=np.int64)
    T = np.repeat(patterns.T, repeats)
    fitter.data = pd.DataFrame(
        {
            "frequency": np.repeat(patterns.x.astype(np.int64), repeats),
            "recency": np.repeat(patterns.t_x, repeats),
            "T": T,
            "weights": np.repeat(counts / repeats, repeats),
        }
    )
    fitter._scale = 1.0
    fitter.predict = fitter.conditional_expected_number_of_purchases_up_to_time
    fitter.generate_new_data = lambda size=1: simulate(T, *fitter.params_, size=size)
    return fitter


def _whole(weights: FloatArray) -> Any:
    """Weights as integers where all of them are whole numbers, as lifetimes has them."""
    rounded = np.rint(weights)
    return rounded.astype(np.int64) if np.array_equal(rounded, weights) else weights
