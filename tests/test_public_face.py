"""The names that users build on, what importing costs, and what the wheel puts at the top level."""

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("customer_data", "attribution", "clv", "reports")
ATTRIBUTION = [
    "Paths",
    "attribute",
    "build_paths",
    "choose_order",
    "compare",
    "path_lengths",
    "read_paths",
    "removal_effects",
    "sensitivity",
    "top_paths",
    "transition_graph",
    "transition_matrix",
]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_hands_on_at_most_a_dozen_names_and_all_of_them_exist(package):
    module = importlib.import_module(package)
    assert 1 <= len(module.__all__) <= 12
    assert set(module.__all__) <= set(dir(module))
    for name in module.__all__:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'answer_to_everything'"):
        module.answer_to_everything  # noqa: B018


def test_the_names_of_attribution_are_these():
    import attribution

    assert attribution.__all__ == ATTRIBUTION
    for _ in range(2):  # also after all its modules were imported
        assert all(callable(getattr(attribution, name)) for name in ATTRIBUTION)


def test_the_promised_names_are_there():
    import attribution
    import clv

    for name in ("read_paths", "attribute", "removal_effects", "compare"):
        assert callable(getattr(attribution, name))
    for name in ("BetaGeo", "GammaGamma", "purchase_histories"):
        assert callable(getattr(clv, name))


def test_importing_modules_does_not_hide_functions():
    import attribution.comparison
    import clv.forecasting  # noqa: F401

    assert callable(attribution.compare)


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_loads_no_heavy_library(package):
    heavy = ["pandas", "numpy", "scipy", "statsmodels", "lifetimes", "matplotlib", "networkx", "duckdb", "pyarrow"]
    code = f"import sys, {package}; print([name for name in {heavy!r} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert ran.stdout.strip() == "[]"


def test_the_wheel_holds_the_four_packages_and_nothing_else():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert {name.partition(".")[0] for name in listed} == set(PACKAGES)
    on_disk = [face.parent for package in PACKAGES for face in (ROOT / package).rglob("__init__.py")]
    assert sorted(listed) == sorted(".".join(folder.relative_to(ROOT).parts) for folder in on_disk)
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_the_lock_names_no_address():
    assert "://" not in (ROOT / "requirements.lock").read_text()
