"""Customer lifetime value: purchase histories, models of orders and of spend, forecasts and their validation.

Names are loaded on first use, so that importing the package costs nothing.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clv.beta_geo import BetaGeo
    from clv.beta_geo_beta_binomial import BetaGeoBetaBinomial
    from clv.forecast import forecast
    from clv.gamma_gamma import GammaGamma
    from clv.histories import build_histories, purchase_histories
    from clv.holdout import holdout
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
    "forecast": "clv.forecast",
    "holdout": "clv.holdout",
    "purchase_histories": "clv.histories",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'clv' has no attribute '{name}'; it has {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)


class _Package(ModuleType):
    """Keeps a module from hiding the function of the same name: ``clv.forecast`` is the function, always."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __dir__() -> list[str]:
    return sorted(__all__)
