"""Customer lifetime value: purchase histories, models of orders and of spend, forecasts and their validation.

Names are loaded on first use, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clv.beta_geo import BetaGeo
    from clv.beta_geo_beta_binomial import BetaGeoBetaBinomial
    from clv.forecasting import forecast
    from clv.gamma_gamma import GammaGamma
    from clv.histories import build_histories, purchase_histories
    from clv.holdout_check import holdout
    from clv.model_choice import compare_order_models
    from clv.modified_beta_geo import ModifiedBetaGeo
    from clv.nbd import NBD
    from clv.pareto_nbd import ParetoNBD

__all__ = [
    "NBD",
    "BetaGeo",
    "BetaGeoBetaBinomial",
    "GammaGamma",
    "ModifiedBetaGeo",
    "ParetoNBD",
    "build_histories",
    "compare_order_models",
    "forecast",
    "holdout",
    "purchase_histories",
]

_HOMES = {
    "NBD": "clv.nbd",
    "BetaGeo": "clv.beta_geo",
    "BetaGeoBetaBinomial": "clv.beta_geo_beta_binomial",
    "GammaGamma": "clv.gamma_gamma",
    "ModifiedBetaGeo": "clv.modified_beta_geo",
    "ParetoNBD": "clv.pareto_nbd",
    "build_histories": "clv.histories",
    "compare_order_models": "clv.model_choice",
    "forecast": "clv.forecasting",
    "holdout": "clv.holdout_check",
    "purchase_histories": "clv.histories",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'clv' has no attribute '{name}'; it has {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
