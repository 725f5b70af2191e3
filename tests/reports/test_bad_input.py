"""Bad input through the command: the exit code, and the words that a tired analyst needs to go on."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from reports.configuration.direct_channel import with_direct_channel
from reports.configuration.reading import read_configuration

HEADER = "customer_id,time,value\n"
TOUCHES = "customer_id,time,channel\n"
USUAL = "".join(f"{i % 40},2024-0{1 + i % 9}-{1 + i % 28:02d},{10 + i % 7}\n" for i in range(200))
ONCE = "".join(f"{i},2024-02-{1 + i % 28:02d},10\n" for i in range(30))
MAPPED = "[paths.columns]\nvalue = 'money'\nnulls = 'lost'\n"
FIRST_TOUCHES = TOUCHES + "".join(
    f"{i},2024-01-2{i % 9},{'ab'[i % 2]}\n{i},2024-01-30,{'bc'[i % 2]}\n" for i in range(30)
)


@pytest.fixture
def shop_of(tmp_path: Path) -> Callable[..., Path]:
    """Write files and a configuration that names them; gives its path."""

    def write(files: dict[str, str | bytes], more: str = "") -> Path:
        for name, content in files.items():
            (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        sections = "".join(f"[{Path(name).stem}]\nfile = '{name}'\n" for name in files)
        (tmp_path / "p.toml").write_text(sections + more)
        return tmp_path / "p.toml"

    return write


@pytest.mark.parametrize(
    ("content", "more", "code", "words"),
    [
        ("", "", 3, ["p.toml:1:1: orders:", "orders.csv is empty. Export it anew"]),
        (HEADER, "", 3, ["has a header but no rows. Export it anew"]),
        (
            "custmer_id,time,amount\n1,2024-01-01,3\n",
            "",
            3,
            ["orders.customer_id:", "Did you mean 'custmer_id'?", "orders.value:", 'columns = { value = "..." }'],
        ),
        ("customer_id;time;value\n1;2024-01-01;3\n", "separator = ','\n", 3, ["p.toml:3:1", 'separator = ";"']),
        (HEADER + "1,31/12/2024,5\n", "", 3, ["none of the 1 rows", "First: row 2", 'time_format = "%d/%m/%Y']),
        (HEADER + USUAL + "1,yesterday,5\n", "", 0, ["1 of 201 rows (5.00) set aside: time cannot be read"]),
        ("customer_id;time;value\n1;2024-01-01;5,50\n", "", 3, ["value is not a number: 1", 'decimal = ","']),
        (HEADER + USUAL + "1,2024-01-01,x\n2,2024-01-01,inf\n", "", 0, ["2 of 202 rows set aside: value is not a"]),
        (
            (HEADER + USUAL).encode() + "José,2024-01-01,5\n".encode() + "José,2024-01-02,6\n".encode("latin-1"),
            "",
            0,
            ["1 of 202 rows set aside: the line holds bytes that are not utf-8", "save each in utf-8 first"],
        ),
        (HEADER + USUAL + "1,2024-09-28,-5\n999,2024-02-02,-7\n", "", 0, ["1 row (7.00): refund without an order"]),
        (HEADER + "1,2024-01-01,-5\n", "", 3, ["none of the rows makes an order", 'sql = "-value"']),
        (HEADER + "1,2024-01-01,0\n2,2024-01-02,0\n", "", 0, ["orders.value: the values of all 2 rows add up to 0"]),
        (
            "order_id," + HEADER + "7,1,2024-01-01,5\n7,2,2024-01-01,5\n",
            "",
            3,
            ["its order_id belongs to several customers: 2", "map order_id to an SQL expression of both"],
        ),
        (HEADER + "1,2024-01-01,5\n2,x,5\n", "", 1, ["1 of 2 rows (50.0%) were put aside; 5.0% are allowed"]),
        (b"PK\x03\x04rest", "", 3, ["is a spreadsheet or a zip archive, not a text file. Save it as CSV."]),
    ],
)
def test_checking_bad_orders(command, shop_of, content, more, code, words):
    said = command("check", shop_of({"orders.csv": content}, more))
    assert said.code == code, said.err
    for one in words:
        assert one in said.err
    assert "Traceback" not in said.err


def test_what_the_data_do_not_know_is_said_at_once_and_before_any_model(command, shop_of):
    customers = "customer_id,country\n1,DE\n"
    files = {"orders.csv": HEADER + USUAL, "touchpoints.csv": FIRST_TOUCHES, "customers.csv": customers}
    wanted = """\
[clv]
segment_by = "contry"
holdout_until = 2024-12-31
[[attribution.experiments]]
channel = "zz"
incremental_conversions = 2
standard_error = 1
[[attribution.experiments]]
channel = "a"
from = 2030-01-01
incremental_conversions = 2
standard_error = 1
[[attribution.experiments]]
channel = "b"
incremental_conversions = 2
standard_error = 1
"""
    for asked in ("check", "report"):
        said = command(asked, shop_of(files, wanted))
        assert said.code == 2, said.err
        assert "p.toml:8:1: clv.segment_by: [customers] has no column 'contry'. Did you mean 'country'?" in said.err
        assert "clv.holdout_until: nothing is left to hold back after 2024-12-31; the run looks back from" in said.err
        assert "p.toml:11:1: attribution.experiments.channel: there is no channel 'zz'. There are: a, b, c." in said.err
        assert (
            "p.toml:16:1: attribution.experiments.from: the test's days, 2030-01-01 to 2030-01-01, lie outs" in said.err
        )
        assert said.err.count("attribution.experiments.channel: ") == 1
        assert "Building journeys" not in said.err


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (
            "from = 2027-01-01\nuntil = 2027-01-31",
            "experiments.from: the test's days, 2027-01-01 to 2027-01-31, lie outs",
        ),
        ("until = 2020-01-31", "experiments.until: the test's days, "),
        ("from = 2024-06-01", "experiments.channel: 'a' is credited with none of the "),
    ],
)
def test_a_lift_test_that_meets_no_order_is_refused_before_any_model(command, shop_of, days, words):
    test = f"channel = 'a'\nincremental_conversions = 2\nstandard_error = 1\n{days}\n"
    file = shop_of(
        {"orders.csv": HEADER + USUAL, "touchpoints.csv": FIRST_TOUCHES}, f"[[attribution.experiments]]\n{test}"
    )
    for asked in ("check", "report"):
        said = command(asked, file)
        assert said.code == 2, said.err
        assert words in said.err
        assert "Building journeys" not in said.err


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("memory_limit = '1KB'", "p.toml:4:1: engine.memory_limit: 1KB is too little for these data (Out of Memory"),
        ("spill_folder = '/proc/nix'", "p.toml:4:1: engine.spill_folder: '/proc/nix' cannot be written in ("),
    ],
)
def test_an_engine_that_cannot_work_is_2_with_its_place(command, shop_of, wanted, words):
    said = command("check", shop_of({"orders.csv": HEADER + USUAL}, f"[engine]\n{wanted}\n"))
    assert said.code == 2
    assert words in said.err


def test_want_of_memory_is_not_called_a_fault_of_the_file(command, shop_of):
    many = "".join(f"{i % 900},2024-01-{1 + i % 28:02d},{i}\n" for i in range(120_000))
    said = command("check", shop_of({"orders.csv": HEADER + many}, "[engine]\nmemory_limit = '3MB'\n"))
    assert said.code == 2
    assert "p.toml:4:1: engine.memory_limit: 3MB is too little for these data (Out of Memory" in said.err


def test_a_folder_to_spill_into_is_not_left_by_looking_at_it(command, shop_of):
    file = shop_of({"orders.csv": HEADER + USUAL}, "[engine]\nspill_folder = 'new/deep'\n")
    assert command("check", file).code == 0
    assert not file.with_name("new").exists()


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (
            "holdout_days = 271",
            "p.toml:4:1: clv.holdout_days: 271 days cannot be held back: the orders last 271 days, from 2024-01-01 to "
            "2024-09-27, and some must come before. Hold back fewer than 271, or leave it out: the last third is",
        ),
        (
            "holdout_until = 2023-12-31",
            "p.toml:4:1: clv.holdout_until: there is no order until 2023-12-31 to fit on: the orders last 271 days, "
            "from 2024-01-01 to 2024-09-27. Choose a later day, or leave it out",
        ),
    ],
)
def test_a_holdout_that_leaves_nothing_to_fit_on_is_refused_with_the_days_there_are(command, shop_of, wanted, words):
    for asked in ("check", "report"):
        said = command(asked, shop_of({"orders.csv": HEADER + USUAL}, f"[clv]\n{wanted}\n"))
        assert said.code == 2
        assert words in said.err
        assert "Forecasting" not in said.err


def test_mistyped_channels_are_told_until_they_are_renamed(command, shop_of):
    rows = "Paid Social > Email,700\nEmail,50\nPaid Socail,2\nPaid_Social > Email,1\n"
    told = 'paths.path: 2 channels may be another spelling of a more common one: "Paid Socail" (2 touches) of "Paid So'
    files = {"paths.csv": f"path,conversions\n{rows}"}
    said = command("check", shop_of(files))
    assert (said.code, told in said.err) == (0, True)
    assert 'say in [paths]: rename_channels = { "Paid Socail" = "Paid Social" }.' in said.err
    names = "rename_channels = { 'Paid Socail' = 'Paid Social', Paid_Social = 'Paid Social', TV = 'Email' }\n"
    said = command("check", shop_of(files, names))
    assert 'warning: paths.rename_channels: there is no channel "TV" to rename.' in said.err
    assert "another spelling" not in said.err
    assert "1                      merged with an equal path" in said.out
    said = command("check", shop_of(files, "[paths.rename_channels]\na = 'b'\nb = 'c'\n"))
    assert said.code == 2
    assert 'p.toml:3:1: paths.rename_channels: "a" is to be "b", which is renamed itself, to "c".' in said.err


@pytest.mark.parametrize(
    ("direct", "names", "words"),
    [
        ("", ["a", "b"], []),
        ("", ["a", "DIRECT "], []),
        ("", ["a", "(direct) / (none)"], []),
        ("", ["a", "(Direct)", "direct"], []),
        (
            "",
            ["a", "Direkt"],
            ['no channel "direct", so last_non_direct_click credits as last_click does. Did'],
        ),
        ("Direkt", ["a", "(direct)"], ['attribution.direct: there is no channel "Direkt"', '"(direct)"?']),
        ("x", ["a", "b"], ['there is no channel "x"', "There are: a, b."]),
    ],
)
def test_a_direct_channel_under_another_name_is_found_or_told(command, shop_of, direct, names, words):
    touches = TOUCHES + "".join(f"{i},2024-01-30,{names[i % len(names)]}\n" for i in range(30))
    paths = "path,conversions\n" + f"{' > '.join(names)},3\n"
    named = f"[attribution]\ndirect = '{direct}'\n" if direct else ""
    for files in ({"paths.csv": paths}, {"orders.csv": HEADER + ONCE, "touchpoints.csv": touches}):
        said = command("check", shop_of(files, named))
        assert said.code == 0, said.err
        assert ("attribution.direct:" in said.err) == bool(words)
        for one in words:
            assert one in said.err


def test_a_direct_channel_that_the_data_do_not_have_is_told_once_and_then_passed_by(shop_of):
    read = read_configuration(shop_of({"paths.csv": ""}, "[attribution]\ndirect = 'Direkt'\n"), environment={})
    for channels, kept in ((["A", "DIREKT "], "Direkt"), (["A", "(direct)"], "direct"), ([], "Direkt")):
        assert with_direct_channel(read, channels).settings.attribution.direct == kept


def test_a_line_of_an_error_has_an_end(command, shop_of):
    said = command("check", shop_of({"orders.csv": f"{'x' * 30_000}\n1\n"}))
    assert said.code == 3
    assert max(map(len, said.err.splitlines())) < 2_100


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        ("", 3, ["p.toml:1:1: paths:", "paths.csv is empty. Export it anew"]),
        ("path,conversions\n", 3, ["has a header but no rows."]),
        ("path:conversions\na > b:3\n", 3, ["has only one column, 'path:conversions'.", 'separator = ":"']),
        ("path;conversions\na > b;3\n", 0, ["Reading the paths"]),
        ("path,conversion\na > b,3\n", 3, ["no column 'conversions'", "Did you mean 'conversion'?"]),
        (
            "path,conversions\na,x\nb,-3\n",
            3,
            ["1 of 2 rows (first: line 2, 'x') hold no number", "first: line 3, '-3'"],
        ),
        ("Report\npath,conversions\na > b,3\n", 0, ["warning: paths: paths.csv has its header on line 2"]),
        ("path,conversions\na -> b,3\n", 0, ["paths.step: 1 channel of 2 holds", 'step = "->".']),
        ("path,conversions,Nulls\na > b,0,3\n", 0, ["Reading the paths"]),
        ('path,conversions\n"a,x\nb,3,4\n', 3, ["(first: line 2): a quote is not closed", "the line has 3 fields"]),
    ],
)
def test_checking_bad_paths(command, shop_of, content, code, words):
    said = command("check", shop_of({"paths.csv": content}))
    assert said.code == code
    for one in words:
        assert one in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[order]\nfile = 'orders.csv'\n", ["p.toml:1:1: unknown section or key 'order'. Did you mean 'orders'?"]),
        (
            "[orders]\nfile = 'o.csv'\n[clv]\nhorizon_month = 3\nmargin = 'x'\n",
            ["'horizon_months'?", "5:1: clv.margin"],
        ),
        ("[orders\nfile = 'orders.csv'\n", ["p.toml:1:8: this is not TOML"]),
        (
            "[paths]\nfile = 'p.csv'\nencoding = 'utf-7'\nseparator = ';;'\n",
            ["p.toml:3:1: paths.encoding: 'utf-7' is not one of", "p.toml:4:1: paths.separator: ';;' is not one"],
        ),
    ],
)
def test_a_typo_in_the_configuration_is_2_with_its_place(command, tmp_path, text, words):
    (tmp_path / "p.toml").write_text(text)
    said = command("check", tmp_path / "p.toml")
    assert said.code == 2
    for one in words:
        assert one in said.err


@pytest.mark.parametrize("output", ["taken", "taken/deeper"])
def test_a_file_in_place_of_the_output_folder_is_2_with_the_remedy(command, shop_of, output):
    file = shop_of({"orders.csv": HEADER + USUAL}, f"[report]\noutput = '{output}'\n")
    file.with_name("taken").touch()
    said = command("report", file)
    assert said.code == 2
    assert "p.toml:4:1: report.output: cannot write in" in said.err
    assert "Name another folder with --output." in said.err


@pytest.mark.parametrize(
    ("files", "more", "code", "words"),
    [
        ({"orders.csv": HEADER + ONCE}, "", 4, ["0 of 30 customers ordered again", "that a customer keeps one id"]),
        ({"orders.csv": HEADER + "1,2024-01-01,5\n"}, "", 4, ["0 of 1 customers ordered again"]),
        (  # nothing converts: the customers are others
            {"orders.csv": HEADER + ONCE.replace(",2024", "x,2024"), "touchpoints.csv": FIRST_TOUCHES},
            "[report]\nparts = 'channels'\nas_of = 2024-05-01\n",
            1,
            ["no journey converted, so no channel has credit. Check that"],
        ),
        (  # one channel, one customer
            {"orders.csv": HEADER + "1,2024-02-01,5\n", "touchpoints.csv": TOUCHES + "1,2024-01-30,a\n"},
            "[report]\nparts = 'channels'\n",
            0,
            [],
        ),
        (  # every journey is open: there is no path at all
            {
                "orders.csv": HEADER + "x,2024-02-01,5\n",
                "touchpoints.csv": TOUCHES + "1,2024-01-30,a\n2,2024-01-30,b\n",
            },
            "[report]\nparts = 'channels'\n",
            1,
            ["no journey converted"],
        ),
    ],
)
def test_reporting_on_too_little(command, shop_of, files, more, code, words):
    said = command("report", shop_of(files, more))
    assert said.code == code, said.err
    for one in words:
        assert one in said.err
    assert "Traceback" not in said.err
    assert bool(said.out) == (code < 2)


def test_paths_that_never_convert_are_answered_by_their_column(command, shop_of):
    more = "[paths.columns]\nnulls = 'nulls'\n"
    said = command("report", shop_of({"paths.csv": "path,conversions,nulls\na > b,0,4\nb,0,1\n"}, more))
    assert said.code == 1
    assert "no channel has credit. Check the column that paths.columns names for conversions" in said.err


def test_a_lift_test_of_a_channel_that_paths_do_not_hold_is_refused_by_check_too(command, shop_of):
    test = "[[attribution.experiments]]\nchannel = 'c'\nincremental_conversions = 2\nstandard_error = 1\n"
    said = command("check", shop_of({"paths.csv": "path,conversions\na > b,3\n"}, test))
    assert said.code == 2
    assert "p.toml:4:1: attribution.experiments.channel: there is no channel 'c'. There are: a, b." in said.err


def test_columns_of_paths_that_have_our_names_need_no_mapping(command, shop_of):
    rows = "a > b,3,30,5\nb,0,0,9\nb > a,2,200,1\n"
    as_ours = shop_of({"paths.csv": f"path,conversions,value,nulls\n{rows}"})
    tables = []
    for file in (as_ours, shop_of({"paths.csv": f"path,conversions,money,lost\n{rows}"}, MAPPED)):
        said = command("report", file, "--set", "attribution.depth=brief", "--force")
        assert said.code == 0, said.err
        tables.append((Path(said.out.strip()) / "tables" / "credit.csv").read_bytes())
        counts = command("check", file).out
        assert "230.00  read" in counts
        assert "without any outcome" not in counts
    assert tables[0] == tables[1]
    assert b"markov,all,a," in tables[0]


def test_a_simulation_that_is_stopped_leaves_no_file(command, tmp_path, monkeypatch):
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("customer_data.synthetic_shop._channel_truth", stop)  # after the tables, before the truth
    said = command("simulate", "--customers", "50", "--out", tmp_path / "shop")
    assert said.code == 130
    assert list(tmp_path.iterdir()) == []


def test_any_name_of_a_channel_reaches_the_pages_and_the_tables_unharmed(command, tmp_path, shop_of):
    names = ["<b>x</b>", "=1+1", '"q"', "😀", "x" * 300, "$\\frac{1}{2}$", "-5", '#read("/etc/passwd")', "a > b", "日"]
    file = shop_of({"orders.csv": HEADER + ONCE, "touchpoints.csv": ""}, "[report]\nparts = 'channels'\n")
    with file.with_name("touchpoints.csv").open("w", newline="", encoding="utf-8") as opened:
        rows = ((i % 30, f"2024-01-{10 + i % 20}", names[i % len(names)]) for i in range(120))
        csv.writer(opened).writerows([TOUCHES.strip().split(","), *rows])
    said = command("report", file)
    assert said.code == 0, said.err
    assert "1 character had no glyph" in said.err
    folder = Path(said.out.strip())
    with (folder / "tables" / "comparison.csv").open(newline="", encoding="utf-8") as opened:
        written = {row["channel"] for row in csv.DictReader(opened)}
    assert written == {f"'{name}" if name[0] in "=-" else name for name in names}
    assert b"root:" not in (folder / "report.pdf").read_bytes()


def test_where_every_journey_converts_the_bytes_of_the_report_do_not_depend_on_where_the_files_lie(command, tmp_path):
    digests = []
    for folder in ("here", "elsewhere/deep"):
        home = tmp_path / folder
        home.mkdir(parents=True)
        (home / "orders.csv").write_text(HEADER.strip() + ",Note,note\n" + ONCE + "b,2024-02-01\n2,2150-01-01,5\n")
        (home / "touchpoints.csv").write_text(FIRST_TOUCHES)
        (home / "p.toml").write_text(
            "[report]\nparts = 'channels'\nas_of = 2024-02-28\n[orders]\nfile = 'orders.csv'\n"
            "[touchpoints]\nfile = 'touchpoints.csv'\n"
        )
        said = command("report", home / "p.toml")
        assert said.code == 0, said.err
        assert "line with fewer fields than the header" in said.err or "lines with fewer fields" in said.err
        manifest = json.loads((Path(said.out.strip()) / "manifest.json").read_text())
        assert str(tmp_path) not in json.dumps(manifest["warnings"])
        digests.append({one["file"]: one["sha256"] for one in manifest["outputs"]})
    assert digests[0] == digests[1]
