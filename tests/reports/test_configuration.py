"""A configuration is read with its places, and everything wrong with it is said at once."""

import datetime as dt
import json
import re
from pathlib import Path

import pytest

from customer_data.errors import ConfigurationError, InputError
from customer_data.sources import Sql
from reports.configuration.reading import Configuration, read_configuration
from reports.configuration.settings import (
    AttributionSection,
    ChecksSection,
    ClvSection,
    EngineSection,
    ExperimentSection,
    PathsSection,
    ReportSection,
    SourceSection,
)

SECTIONS = (ReportSection, EngineSection, AttributionSection, ClvSection, ChecksSection)

GOOD = """\
[report]
title = "June"
currency = "EUR"
as_of = 2026-06-30

[touchpoints]
file = "touches.csv"
[touchpoints.columns]
customer_id = "visitor"
channel = { sql = "coalesce(utm_source, 'direct')" }

[orders]
file = ["a.csv", "b.csv"]
separator = ";"
decimal = ","

[attribution]
lookback_days = 14
"""


def read(tmp_path: Path, text: str, flags: dict[str, str] | None = None, **environment: str) -> Configuration:
    file = tmp_path / "pathworth.toml"
    file.write_text(text, encoding="utf-8")
    return read_configuration(file, flags=flags, environment=environment)


def problems(tmp_path: Path, text: str, flags: dict[str, str] | None = None, **environment: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, text, flags, **environment)
    return [line.removeprefix(f"{tmp_path}/") for line in str(caught.value).splitlines()]


def test_values_and_defaults_and_sources(tmp_path):
    configuration = read(tmp_path, GOOD)
    settings = configuration.settings
    assert settings.report.as_of == dt.date(2026, 6, 30)
    assert (settings.attribution.lookback_days, settings.attribution.order) == (14, 1)
    assert settings.refunds == ()
    touches, orders = configuration.sources()
    assert touches.columns == {"customer_id": "visitor", "channel": Sql("coalesce(utm_source, 'direct')")}
    assert (touches.data, orders.data) == (tmp_path / "touches.csv", [tmp_path / "a.csv", tmp_path / "b.csv"])
    assert (orders.separator, orders.decimal) == (";", ",")
    assert configuration.load_settings().currency == "EUR"


def test_a_flag_wins_over_the_environment_over_the_file_over_the_default(tmp_path):
    text = "[report]\nseed = 2\n[orders]\nfile = 'o.csv'\n"
    assert read(tmp_path, text).settings.report.seed == 2
    from_environment = read(tmp_path, text, PATHWORTH_REPORT_SEED="3", PATHWORTH_ATTRIBUTION_MODELS="linear,markov")
    assert from_environment.settings.report.seed == 3
    assert from_environment.settings.attribution.models == ("linear", "markov")
    assert from_environment.place(("report", "seed")) == "environment PATHWORTH_REPORT_SEED"
    flagged = read(tmp_path, text, {"report.seed": "4"}, PATHWORTH_REPORT_SEED="3")
    assert flagged.settings.report.seed == 4
    assert flagged.place(("report", "seed")) == "flag report.seed"
    assert flagged.place(("orders", "file")) == f"{tmp_path}/pathworth.toml:4:1"
    assert ("report", "title") not in flagged.origins


@pytest.mark.parametrize(
    ("key", "given", "sentence"),
    [
        ("report.as_of", "2026-13-01", "flag report.as_of: '2026-13-01' is not a date. Write one as in 2026-01-31."),
        ("report.confidence", "95", "flag report.confidence must be below 1, not 95. It is a fraction: 95 % is 0.95."),
        ("report.confidence", "1", "flag report.confidence must be below 1, not 1."),
        ("clv.margin", "30%", 'flag clv.margin must be a number, not "30%". Write 30 % as 0.3.'),
        (
            "clv.annual_discount_rate",
            "8",
            "flag clv.annual_discount_rate must be below 2, not 8. It is a fraction: 8 % is 0.08.",
        ),
        (
            "attribution.position_weights",
            "0.5,0.5",
            "flag attribution.position_weights must have 3 entries, not 2.",
        ),
        (
            "attribution.models",
            "markof",
            "flag attribution.models: there is no model 'markof'. Did you mean 'markov'?",
        ),
    ],
)
def test_a_flag_is_named_once_and_a_percentage_is_told_as_a_fraction(tmp_path, key, given, sentence):
    assert problems(tmp_path, "[orders]\nfile = 'o.csv'\n", {key: given}) == [sentence]


def test_numbers_with_commas_are_a_list(tmp_path):
    weights = {"attribution.position_weights": "0.5, 0.25,0.25"}
    read_settings = read(tmp_path, "[orders]\nfile = 'o.csv'\n", weights).settings
    assert read_settings.attribution.position_weights == (0.5, 0.25, 0.25)


def test_a_file_of_data_in_place_of_the_configuration(tmp_path):
    with pytest.raises(
        ConfigurationError, match=r'wanted here, not data\. "pathworth init .*o\.csv" writes one for it'
    ):
        read_configuration(tmp_path / "o.csv")


def test_every_problem_is_said_at_once_in_order_of_its_line(tmp_path):
    text = """\
title = "x"
[report]
sed = 3
currency = "eur"
timezone = "Europe/Berln"
as_of = "31.12.2024"
[touchpoint]
file = "a.csv"
[orders]
file = "o.csv"
encoding = "utf8"
refunds = "nett"
[orders.columns]
custmer_id = "id"
value = 5
[attribution]
lookback_dys = 3
models = ["markof", "linear"]
order = "2"
half_life_days = -1
position_weights = [0.4, 0.6]
[clv]
margin = 30
holdout_days = 3
holdout_until = 2024-01-01
"""
    said = problems(tmp_path, text)
    expected = [
        ("1:1", "unknown section or key 'title'. It belongs in [report]."),
        ("3:1", "unknown key 'sed' in [report]. Did you mean 'seed'?"),
        ("4:1", 'report.currency must be three capital letters, as in "EUR", not "eur".'),
        ("5:1", "'Europe/Berln' is not the name of a time zone. Did you mean 'Europe/Berlin'?"),
        ("6:1", "report.as_of: '31.12.2024' is not a date. Write one as in 2026-01-31."),
        ("7:1", "unknown section or key 'touchpoint'. Did you mean 'touchpoints'?"),
        ("11:1", "orders.encoding: 'utf8' is not one of utf-8, utf-16, latin-1."),
        ("12:1", "orders.refunds must be one of 'net' or 'reject', not \"nett\"."),
        ("14:1", "orders.columns: 'custmer_id' is no column of orders"),
        ("15:1", "orders.columns.value: a column is the name of theirs"),
        ("17:1", "unknown key 'lookback_dys' in [attribution]. Did you mean 'lookback_days'?"),
        ("18:1", "attribution.models: there is no model 'markof'. Did you mean 'markov'?"),
        ("19:1", "attribution.order: order is a whole number from 1 to 20 or \"auto\", not '2'."),
        ("20:1", "attribution.half_life_days must be above 0, not -1."),
        ("21:1", "attribution.position_weights must have 3 entries, not 2."),
        ("23:1", "clv.margin must be at most 1, not 30. It is a fraction: 30 % is 0.3."),
        ("25:1", "holdout_days and holdout_until exclude each other. Keep one."),
    ]
    assert len(said) == len(expected)
    for line, (place, sentence) in zip(said, expected, strict=True):
        assert line.startswith(f"pathworth.toml:{place}: {sentence}")


@pytest.mark.parametrize(
    ("text", "place", "remedy"),
    [
        ("title = My report", "1:9", "Text stands in quotes"),
        (r'file = "C:\data\x.csv"', "1:13", "write paths in single quotes"),
        ("a = 1\na = 2", "2:6", "This key stands twice"),
        ("[orders]\nfile: 'x'", "2:5", "Write key = value"),
        ("x = [1,\n2", "2:2", "never closed"),
    ],
)
def test_what_is_not_toml_has_a_place_and_a_remedy(tmp_path, text, place, remedy):
    (said,) = problems(tmp_path, text)
    assert said.startswith(f"pathworth.toml:{place}: this is not TOML: ")
    assert remedy in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no data"),
        ("[touchpoints]\nfile = 't.csv'", "pathworth.toml:1:1: [touchpoints] needs [orders]"),
        ("[orders]\nseparator = ';'", 'pathworth.toml:1:1: [orders] needs file, as in file = "orders.csv"'),
        ("[orders]\ndatabase = 'x.duckdb'", "[orders] names a database, but not which table of it"),
        ("[paths]\nfile = 'p.csv'\n[spend]\nfile = 's.csv'", "[spend] needs [touchpoints]"),
        ("[orders]\nfile = 'o.csv'\n[clv]\nsegment_by = 'country'", "clv.segment_by needs [customers]"),
        ("orders = 'o.csv'", "orders must be a section"),
        ("[paths]\nstep = '>'", "[paths] needs file."),
        (
            "[paths]\nfile = 'p.csv'\n[attribution]\ngrain = 'session'",
            "pathworth.toml:4:1: attribution.grain: the touches of [paths] have no times",
        ),
        (
            "[paths]\nfile = 'p.csv'\n[attribution]\nmodels = ['time_decay']",
            "pathworth.toml:4:1: attribution.models: the touches of [paths] have no times, which time_decay needs",
        ),
        (
            "[orders]\nfile = 'o.csv'\n[attribution]\nmodels = 'time_decay'\ntransform = 'first_of_each'",
            "pathworth.toml:5:1: attribution.transform leaves no times of touches",
        ),
        (
            "[paths]\nfile = 'p.csv'\n[attribution]\nmodel = 'shapley'\nbootstrap_replicates = 500",
            "pathworth.toml:5:1: attribution.bootstrap_replicates: Shapley values have intervals of their own",
        ),
        (
            "[paths]\nfile = 'p.csv'\n[attribution]\nbaseline = 'regression'\nbootstrap_replicates = 500",
            "pathworth.toml:5:1: attribution.bootstrap_replicates: credits of the regression have intervals of their",
        ),
    ],
)
def test_sections_that_do_not_go_together_are_refused(tmp_path, text, said):
    assert said in "\n".join(problems(tmp_path, text))


def test_a_variable_in_a_path_is_expanded_and_a_missing_one_named(tmp_path):
    text = "[orders]\nfile = '${SHOP}/orders.csv'\n"
    assert read(tmp_path, text, SHOP="/data/shop").sources()[0].data == Path("/data/shop/orders.csv")
    (said,) = problems(tmp_path, text)
    assert said.startswith("pathworth.toml:2:1: the environment variable SHOP is not set.")


def test_a_mistyped_variable_or_flag_is_an_error_of_its_own_origin(tmp_path):
    text = "[orders]\nfile = 'o.csv'\n"
    (said,) = problems(tmp_path, text, PATHWORTH_REPORT_SED="3")
    assert said == "environment PATHWORTH_REPORT_SED: unknown key 'sed' in [report]. Did you mean 'seed'?"
    (said,) = problems(tmp_path, text, PATHWORTH_ATRIBUTION_ORDER="3")
    assert said.startswith("environment PATHWORTH_ATRIBUTION_ORDER: unknown section or key 'atribution'.")
    (said,) = problems(tmp_path, text, {"report.seed": "many"})
    assert said == 'flag report.seed must be a whole number, not "many".'
    assert read(tmp_path, text, PATHWORTH_DATA="/data").settings.report.seed == 1


def test_files_that_are_not_there_are_named_all_at_once(tmp_path):
    (tmp_path / "touches.csv").touch()
    text = "[touchpoints]\nfile = 'touchs.csv'\n[orders]\nfile = 'nowhere/o.csv'\n"
    configuration = read(tmp_path, text)
    with pytest.raises(InputError) as caught:
        configuration.require_files()
    first, second = caught.value.problems
    assert first.endswith("pathworth.toml:2:1: touchpoints.file: no file 'touchs.csv'. Did you mean 'touches.csv'?")
    assert "pathworth.toml:4:1: orders.file: no file 'nowhere/o.csv'. There is no folder" in second


def test_a_message_about_a_key_gets_its_place(tmp_path):
    configuration = read(tmp_path, GOOD)
    file = f"{tmp_path}/pathworth.toml"
    message = (
        "touchpoints.channel: 3 rows are blank\norders[2].value: bad\nclv: no repeat buyers\nno key here\n"
        "lookback_days, model: do not fit\nsep: is no key of ours"
    )
    assert configuration.located(message).splitlines() == [
        f"{file}:10:1: touchpoints.channel: 3 rows are blank",
        f"{file}:12:1: orders[2].value: bad",
        "clv: no repeat buyers",
        "no key here",
        f"{file}:18:1: attribution.lookback_days, model: do not fit",
        "sep: is no key of ours",
    ]


def test_a_font_that_is_not_there_is_found_before_the_work(tmp_path):
    (said,) = problems(tmp_path, "[report]\nfonts = 'no.ttf'\n[orders]\nfile = 'o.csv'")
    assert said == "pathworth.toml:2:1: report.fonts: no file 'no.ttf'."


@pytest.mark.parametrize(
    ("wanted", "line", "words"),
    [
        (
            "models = ['linear', 'custom']",
            4,
            "models: 'custom' needs attribution.custom_weights, counted back from the",
        ),
        ("model = 'custom'", 4, "model: 'custom' needs attribution.custom_weights"),
        (
            "custom_weights = [0, 1]",
            4,
            "custom_weights: weights are 0 or more, and the first, of the last touch, abov",
        ),
        ("custom_weights = [1, -1]", 4, "custom_weights: weights are 0 or more"),
        ("custom_weights = []", 4, "custom_weights: weights are 0 or more"),
    ],
)
def test_custom_needs_weights_that_can_be(tmp_path, wanted, line, words):
    (told,) = problems(tmp_path, f"[orders]\nfile = 'o.csv'\n[attribution]\n{wanted}\n")
    assert told.startswith(f"pathworth.toml:{line}:1: attribution.{words}")


def test_custom_weights_may_be_given_with_commas(tmp_path):
    text = "[orders]\nfile = 'o.csv'\n[attribution]\nmodels = 'custom'\n"
    flagged = read(tmp_path, text, {"attribution.custom_weights": "3, 1"})
    assert flagged.settings.attribution.custom_weights == (3, 1)


def test_too_few_replicates_are_told_where_they_stand(tmp_path):
    text = "[orders]\nfile = 'o.csv'\n[attribution]\nbootstrap_replicates = {}\n"
    assert problems(tmp_path, text.format(5)) == [
        "pathworth.toml:4:1: attribution.bootstrap_replicates: 5 replicates give no percentiles. Write 0 (the delta "
        "method) or 20 or more."
    ]
    assert [read(tmp_path, text.format(n)).settings.attribution.bootstrap_replicates for n in (0, 20)] == [0, 20]


def test_every_key_is_documented_with_its_default():
    text = (Path(__file__).resolve().parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
    for section in (*SECTIONS, SourceSection, PathsSection, ExperimentSection):
        for key, known in section.model_fields.items():
            default = f"`{json.dumps(known.default)}`" if isinstance(known.default, int | float | str) else ""
            assert re.search(
                rf"^\| `{known.alias or key}` \| {re.escape(default)}.*\| {re.escape(known.description or '?')} \|$",
                text,
                re.M,
            )


@pytest.mark.parametrize(
    ("key", "given", "sentence"),
    [
        ("report.parts", '["chanels"]', "flag report.parts must be one of 'channels' or 'value', not \"chanels\"."),
        (
            "clv.product_margins",
            "3",
            "flag clv.product_margins must hold names and numbers, as in { name = 0.5 }, not 3.",
        ),
        ("checks.max_holdout_error", "20", "must be at most 1, not 20. It is a fraction: 20 % is 0.2."),
    ],
)
def test_a_wrong_value_is_told_in_one_sentence_that_fits_it(tmp_path, key, given, sentence):
    (told,) = problems(tmp_path, GOOD, {key: given})
    assert told.endswith(sentence)


def test_tables_may_be_given_whole_or_name_by_name(tmp_path):
    whole = read(tmp_path, GOOD, {"clv.product_margins": '{ tea = 0.4, "green tea" = 0.5 }'})
    assert whole.settings.clv.product_margins == {"tea": 0.4, "green tea": 0.5}
    rates = read(tmp_path, GOOD, {"report.currency_rates": "{USD=0.9}", "clv.product_margins.tea": "0.4"})
    assert (rates.settings.report.currency_rates, rates.settings.clv.product_margins) == ({"USD": 0.9}, {"tea": 0.4})


TWO_PLATFORMS = """
[touchpoints]
file = "t.csv"
[orders]
file = "o.csv"
[[spend]]
file = "google.csv"
columns = { date = "Day", channel = "Campaign", cost = "Cost" }
[[spend]]
file = "meta.csv"
decimal = ","
[spend.columns]
date = "Day"
channel = "Campaign name"
cost = "Amount spent"
"""


def test_a_section_of_several_blocks_has_a_source_for_each(tmp_path):
    configuration = read(tmp_path, TWO_PLATFORMS)
    _, _, google, meta = configuration.sources()
    assert (google.data, google.columns["channel"], google.decimal) == (tmp_path / "google.csv", "Campaign", ".")
    assert (meta.data, meta.columns["channel"], meta.decimal) == (tmp_path / "meta.csv", "Campaign name", ",")
    assert configuration.place(("spend", 1, "columns", "cost")) == f"{tmp_path}/pathworth.toml:15:1"
    assert configuration.located("spend[2].cost: bad") == f"{tmp_path}/pathworth.toml:15:1: spend[2].cost: bad"
    for name in ("t", "o", "google"):
        (tmp_path / f"{name}.csv").touch()
    with pytest.raises(InputError, match=r"pathworth.toml:10:1: spend\[2\].file: no file 'meta.csv'"):
        configuration.require_files()


def test_what_is_wrong_in_one_of_several_blocks_is_told_with_its_place(tmp_path):
    wrong = TWO_PLATFORMS.replace('decimal = ","', 'decimals = ","')
    assert problems(tmp_path, wrong) == [
        "pathworth.toml:11:1: unknown key 'decimals' in [[spend]]. Did you mean 'decimal'?"
    ]
    assert problems(tmp_path, TWO_PLATFORMS, {"spend.decimal": "."}) == [
        "flag spend.decimal: there are 2 blocks [[spend]], and this does not tell which. Edit them in the file."
    ]
    twice = '[[orders]]\nfile = "a.csv"\nrefunds = "net"\n[[orders]]\nrefunds = "reject"\n'
    assert problems(tmp_path, twice) == [
        'pathworth.toml:4:1: [[orders]] needs file, as in file = "orders.csv" (or database and table).',
        "pathworth.toml:5:1: orders[2].refunds and orders[1].refunds differ, but hold for all of them. Keep one.",
    ]
