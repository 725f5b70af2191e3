"""How credit answers to journeys, and how sure it is, by the model's name."""

from collections.abc import Sequence

from attribution.chain import Chain
from attribution.delta import Covariance, Variance, covariance, variance
from attribution.gradient import Gradient, markov_gradient, rule_gradient, time_decay_gradient
from attribution.paths import Paths
from attribution.ratio_game import ratio_gradient
from attribution.regression import regression_gradient
from attribution.rules import RuleOptions
from attribution.transitions import transitions


def credit_covariance(
    paths: Paths, models: str | Sequence[str], *, order: int = 1, options: RuleOptions | None = None
) -> Covariance:
    """Covariance of the credit of one model, or of several together.

    Parameters
    ----------
    paths
        Distinct paths.
    models
        One or several of ``attribution.credit.MODELS``.
    order
        Order of the Markov chain, whose walks are followed to their end whatever the convention of the credit.
    options
        Options of the rules.

    Returns
    -------
    Covariances whose rows and columns are the channels of the first model, then those of the second, and so on.
    """
    names = [models] if isinstance(models, str) else models
    return covariance(paths, [model_gradient(paths, name, order=order, options=options) for name in names])


def model_gradient(
    paths: Paths, model: str, *, order: int = 1, options: RuleOptions | None = None, known: Chain | None = None
) -> Gradient:
    """The gradient of a model's credit, by the model's name; ``known`` is the chain of these paths if there is one."""
    if model == "markov":
        return markov_gradient(paths, transitions(paths, order=order), known)
    if model == "shapley":
        return ratio_gradient(paths)
    if model == "regression":
        return regression_gradient(paths)
    if model == "time_decay":
        return time_decay_gradient(paths)
    return rule_gradient(paths, model, options or RuleOptions())


def credit_variance(
    paths: Paths, model: str, *, baseline: str | None = None, order: int = 1, options: RuleOptions | None = None
) -> Variance:
    """Variance of a model's credit, or of its difference to a baseline: the diagonal of a covariance, much cheaper.

    Parameters are those of :func:`credit_covariance`. With thousands of channels this is what fits time and memory.
    """
    named = [model] if baseline is None else [model, baseline]
    return variance(paths, *(model_gradient(paths, name, order=order, options=options) for name in named))
