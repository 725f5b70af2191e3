"""Lift tests of the configuration: what was credited in their time, what they make of the credit, what can be wrong."""

from pathlib import Path

import pytest

from customer_data.errors import ConfigurationError, InputError
from customer_data.loading import load
from reports.configuration.reading import Configuration, read_configuration
from reports.pages.channel_experiments import experiment_sections
from reports.pages.content import Prose, Table
from reports.publishing.run_tables import run_tables, settings_table
from reports.results.channel_experiments import calibrated_with_tests
from reports.results.channels import channel_results, journeys, paths_of_file
from reports.results.run_results import AttributionResults, RunResults

PATHS = "path,conversions,nulls\na > b,400,100\na,300,200\nb,300,700\n"


def of_file(folder: Path, tests: str) -> Configuration:
    (folder / "paths.csv").write_text(PATHS)
    head = (
        "[paths]\nfile = 'paths.csv'\ncolumns = { nulls = 'nulls' }\n[attribution]\nmodel = 'last_non_direct_click'\n"
    )
    (folder / "p.toml").write_text(head + tests)
    return read_configuration(folder / "p.toml", environment={})


def block(channel: str = "a", *, found: float = 150, error: float = 15, more: str = "") -> str:
    return (
        f"[[attribution.experiments]]\nchannel = '{channel}'\nincremental_conversions = {found}\n"
        f"standard_error = {error}\n{more}"
    )


def result(configuration: Configuration) -> RunResults:
    paths = paths_of_file(configuration)
    found = channel_results(paths, configuration, None, order=1)
    tested = calibrated_with_tests(paths, configuration, None, order=1)
    return RunResults(
        title="", currency="EUR", attribution=AttributionResults(**{**vars(found), "experiments": tested})
    )


def test_a_sharp_test_decides_its_channels_multiplier_and_the_rest_is_the_baseline(tmp_path):
    # a is credited with 300 (last click), the test found 150: half a conversion for each. The counts are Poisson, so
    # 90 % of the caused ones lie within 1.645 sqrt(15^2 + (.5 sqrt(300))^2) of 150 to a conversion or two.
    run = result(of_file(tmp_path, block(error=15, more="cost = 450\n")))
    found = run.attribution.experiments
    (row,) = found.tests.to_dict("records")
    assert (row["credited"], row["per_credited"], row["cost_per_incremental"]) == (300, 0.5, 3)
    reach = 1.6448536269514722 * 15
    assert (row["per_credited_low"], row["per_credited_high"]) == pytest.approx((0.5 - reach / 300, 0.5 + reach / 300))
    ends = row["cost_per_incremental_low"], row["cost_per_incremental_high"]
    assert ends == pytest.approx((450 / (150 + reach), 450 / (150 - reach)))
    table = found.calibrated.set_index("channel")
    assert table.loc["a", "multiplier"] == pytest.approx(0.5, abs=0.01)
    reach = 1.645 * (15**2 + 0.25 * 300) ** 0.5
    assert table.loc["a", "conversions_high"] - 150 == pytest.approx(reach, abs=3)
    assert table["conversions"].sum() == pytest.approx(1000)
    assert table.loc["baseline", "kind"] == "baseline"
    assert {"lift_tests", "calibrated_credit"} <= set(run_tables(run))


def test_what_is_believed_before_any_test_is_a_choice(tmp_path):
    # A vague test of a says nothing against what is believed; b, without a test, follows it too.
    vague = block(found=300, error=3000)
    for keys, believed in (("", 1.0), ("prior_multiplier = 0.5\n", 0.5)):
        narrow = f"{keys}prior_multiplier_spread = 0.1\nprior_channel_spread = 0.1\n"
        table = result(of_file(tmp_path, narrow + vague)).attribution.experiments.calibrated.set_index("channel")
        assert table.loc[["a", "b"], "multiplier"].tolist() == pytest.approx([believed] * 2, rel=0.03)
        assert table.loc["b", "multiplier_high"] < 1.5 * believed
    with pytest.raises(ConfigurationError, match=r"prior_multiplier must be at most 10, not 50"):
        of_file(tmp_path, "prior_multiplier = 50\n" + vague)


def test_the_page_has_credit_before_and_after_and_the_baseline(tmp_path):
    (section,) = experiment_sections(result(of_file(tmp_path, block() + block("b", found=60, error=5))))
    said, calibrated, tests = section.blocks
    assert isinstance(said, Prose)
    assert said.text.startswith("By 2 lift tests, channels caused ")
    assert isinstance(calibrated, Table)
    cells = calibrated.cells()
    assert [row[0] for row in cells] == ["a", "b", "No channel's", "All conversions"]
    assert cells[-1][2] == "1,000.0"
    assert isinstance(tests, Table)
    assert [row[:2] for row in tests.cells()] == [["a", "all"], ["b", "all"]]
    assert experiment_sections(result(of_file(tmp_path, ""))) == ()


def test_more_caused_than_there_was_is_said_in_words(tmp_path):
    (section,) = experiment_sections(result(of_file(tmp_path, block(found=1500, error=10) + block("b", found=900))))
    assert "channels caused more conversions than there were" in section.blocks[0].text
    # A test of a that found nearly nothing lets b have caused any number: the mean is above what there was, no more.
    (section,) = experiment_sections(result(of_file(tmp_path, block(found=3, error=3))))
    assert section.blocks[0].text.startswith(
        "1 lift test leaves open how many of the 1,000 conversions with a journey channels caused: between \u2212"
    )


def test_a_test_that_found_no_effect_is_not_read_as_proof_of_one(tmp_path):
    run = result(of_file(tmp_path, block(found=-5, error=60) + block("b", found=300)))
    (section,) = experiment_sections(run)
    said, calibrated, tests = section.blocks
    assert said.text.endswith(
        " No effect was found of a (\u22125, standard error 60). What stands there as caused is above zero because "
        "the model knows no channel that prevents conversions; it is no proof of an effect."
    )
    assert [row[0] for row in calibrated.cells()][:2] == ["b", "a, no effect found"]
    # a is credited with 300 and b with 700, so that the errors added to the prior are .2 and .02.
    assert [row[5:7] for row in tests.cells()] == [["\u22120.02", "0.24 to 3.12"], ["0.43", "0.32 to 3.10"]]
    assert run.attribution.experiments.unexpected["channel"].tolist() == ["a"]
    (other,) = experiment_sections(result(of_file(tmp_path, block())))
    assert "No effect" not in other.blocks[0].text


def test_tests_are_settings_of_the_run(tmp_path):
    shown = settings_table(of_file(tmp_path, block(more="cost = 9\n"))).set_index("setting")
    assert (
        "channel = a, from = null, until = null, incremental_conversions = 150"
        in shown.loc["attribution.experiments", "value"]
    )


def test_every_wrong_block_is_said_at_once_with_its_place(tmp_path):
    tests = (
        "[[attribution.experiments]]\nchannel = 'a'\nincremental_conversion = 5\nstandard_error = -1\n"
        "from = 2024-02-01\n[[attribution.experiments]]\nchannel = ''\nincremental_conversions = 'many'\n"
        "standard_error = 1\nfrom = 2024-03-02\nuntil = 2024-03-01\ncost = -3\n"
    )
    with pytest.raises(ConfigurationError) as caught:
        of_file(tmp_path, tests)
    said = [line.replace(f"{tmp_path}/", "") for line in str(caught.value).splitlines()]
    assert said == [
        "p.toml:6:1: [[attribution.experiments]] needs incremental_conversions.",
        "p.toml:8:1: unknown key 'incremental_conversion' in [[attribution.experiments]]. "
        "Did you mean 'incremental_conversions'?",
        "p.toml:9:1: attribution.experiments.standard_error must be above 0, not -1.",
        "p.toml:10:1: attribution.experiments.from: [paths] carry no dates; a test counts against all of them. "
        "Leave it out.",
        'p.toml:12:1: attribution.experiments.channel must not be empty, not "".',
        'p.toml:13:1: attribution.experiments.incremental_conversions must be a number, not "many".',
        "p.toml:15:1: attribution.experiments.from: [paths] carry no dates; a test counts against all of them. "
        "Leave it out.",
        "p.toml:16:1: attribution.experiments.until: 2024-03-01 lies before from, 2024-03-02.",
        "p.toml:16:1: attribution.experiments.until: [paths] carry no dates; a test counts against all of them. "
        "Leave it out.",
        "p.toml:17:1: attribution.experiments.cost must be at least 0, not -3.",
    ]


def test_a_single_section_is_told_its_second_brackets(tmp_path):
    with pytest.raises(ConfigurationError, match="two brackets on either side"):
        of_file(tmp_path, block().replace("[[", "[").replace("]]", "]"))


def test_channels_that_are_not_there_or_have_no_credit_are_named_with_their_places(tmp_path):
    configuration = of_file(tmp_path, block("aa") + block("b") + block("nobody"))
    with pytest.raises(InputError) as caught:
        calibrated_with_tests(paths_of_file(configuration), configuration, None, order=1)
    first, second = caught.value.problems
    assert first.endswith("p.toml:7:1: attribution.experiments.channel: there is no channel 'aa'. Did you mean 'a'?")
    assert "p.toml:15:1: attribution.experiments.channel: there is no channel 'nobody'" in second


def test_a_window_counts_what_was_credited_in_it_and_a_window_without_is_refused(shop, tmp_path):
    text = (shop / "pathworth.toml").read_text().replace('file = "', f'file = "{shop}/')
    file = tmp_path / "p.toml"
    whole, half = (
        f"{block('Email', found=40, error=4, more=f'from = 2024-01-01{chr(10)}until = {until}{chr(10)}')}"
        for until in ("2025-12-31", "2024-12-31")
    )
    file.write_text(text + whole + half)
    configuration = read_configuration(file, environment={})
    with configuration.engine().connect() as connection:
        load(connection, configuration.sources(), configuration.load_settings())
        paths = journeys(connection, configuration)
        tests = calibrated_with_tests(paths, configuration, connection, order=1).tests
        credit = channel_results(paths, configuration, None, order=1).credit.set_index(["model", "channel"])
        assert tests["credited"][0] == pytest.approx(credit.loc[("markov", "Email"), "conversions"])
        assert 0.2 < tests["credited"][1] / tests["credited"][0] < 0.8
        file.write_text(text + block("Email", more="from = 2030-01-01\n"))
        with pytest.raises(InputError, match=r"'Email' is credited with none of the 0 conversions of the test's time"):
            calibrated_with_tests(paths, read_configuration(file, environment={}), connection, order=1)
