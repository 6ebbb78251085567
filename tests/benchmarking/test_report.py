"""Reports of records made by hand: what is said, and what is drawn."""

import csv
import dataclasses
import html.parser
import io
import re
import shutil
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from keraseq.benchmarking.compare import compare
from keraseq.benchmarking.records import NAME
from keraseq.benchmarking.report import report, write
from keraseq.benchmarking.report.content import number
from keraseq.errors import KeraseqError, UsageError
from keraseq.tuning.study import Study

pytest.importorskip("jinja2", reason="reports need keraseq[report]")
pytest.importorskip("matplotlib", reason="reports need keraseq[report]")
pytest.importorskip("scikit_posthocs", reason="reports need keraseq[report]")

EVERY = ["wins", "leaderboard", "ranks", "published", "cost", "curves", "lengths", "speed", "study-0", "failures"]


def section(found, key):
    (one,) = [one for one in found.sections if one.key == key]
    return one


def tables(found, key):
    """Of a section: title of a part → rows, with the mark and the space that does not break taken apart."""
    return {
        part.title: [tuple(cell.replace("\u00a0", " ") for cell in row) for table in part.tables for row in table.rows]
        for part in section(found, key).parts
    }


def test_there_is_a_section_for_all_that_is_known_and_for_nothing_else(full, made, tmp_path):
    assert [one.key for one in full.sections] == [*EVERY, "settings", "machines"]
    small = report([made.write(tmp_path / "small", [made.run(seed=0)])], title="Small")
    assert [one.key for one in small.sections] == ["wins", "leaderboard", "curves", "settings", "machines"]
    assert (small.title, small.facts["runs"]) == ("Small", "1")
    assert full.facts["runs"] == "87, 2 of them not completed"


def test_the_leaderboard_says_who_is_tied(full):
    told = {row[0]: row[1] for row in tables(full, "wins")[""]}
    assert told["mqar"] == "transformer is best"
    assert told["adding 200"].startswith("no winner: ")
    rows = {row[0]: row[1:] for row in tables(full, "leaderboard")["adding 600"]}
    assert rows["? rnn"][2] == "2 (1 lost)"
    assert {name.partition(" ")[0] for name in rows} == {"≈", "?", "transformer"}  # without a sign: told apart
    best = tables(full, "leaderboard")["mqar"][0]
    assert best[0] == "★ transformer"


def test_one_seed_decides_nothing(made, tmp_path):
    found = report([made.write(tmp_path / "one", [made.run(family=family) for family in ("gru", "rnn")])])
    (row,) = tables(found, "wins")[""]
    assert row[1].startswith("undecided: gru has the best mean")
    assert [board[0] for board in tables(found, "leaderboard")["adding"]] == ["? gru", "? rnn"]
    assert tables(found, "leaderboard")["adding"][0][2] == "–"
    alone = report([made.write(tmp_path / "alone", [made.run(), made.lost()])])
    assert [board[0] for board in tables(alone, "leaderboard")["adding"]] == ["gru", "✕ rnn"]
    assert tables(alone, "wins")[""][0][1] == "gru alone has a score"


def test_published_numbers_stand_beside_ours(full, made, tmp_path):
    assert list(tables(full, "published")) == ["adding 600", "mnist"]
    rows = {row[0]: row for row in tables(full, "published")["mnist"]}
    ours = [record.test["accuracy"] for record in made.everything() if (record.task, record.family) == ("mnist", "gru")]
    mean = 100 * sum(ours) / len(ours)
    assert rows["gru"][1:3] == ("96.20", number(mean))
    assert float(rows["gru"][4].replace("−", "-")) == pytest.approx(96.2 - mean, rel=1e-3)
    assert rows["s4d"][1] == rows["s4d"][4] == "–"
    text = " ".join(text for part in section(full, "published").parts for text in part.text)
    assert "Ours differs" not in text
    given = [made.run("mnist", {}, family, 0) for family in ("rnn", "gru")]
    given[0] = dataclasses.replace(given[0], test={"accuracy": 0.99})
    (part,) = section(report([made.write(tmp_path / "other", given)]), "published").parts
    assert "The order of the families differs: rnn, gru here, gru, rnn in the paper." in part.text
    fewer = [made.run("adding", {"length": 600, "train_examples": 5000}, f, 0) for f in ("gru", "rnn")]
    (part,) = section(report([made.write(tmp_path / "fewer", fewer)]), "published").parts
    assert "Ours differs from the task's defaults in train_examples=5000." in part.text
    assert "The families come in the order of the paper: gru, rnn." in part.text


def test_ranks_across_tasks(full, made, tmp_path):
    (part,) = section(full, "ranks").parts
    (figure,) = part.figures
    assert list(figure.ranks)[-1] == "rnn"
    assert list(figure.ranks.values()) == sorted(figure.ranks.values())
    assert sum(figure.ranks.values()) == pytest.approx(5 * 6 / 2)
    assert "less independent" in " ".join(section(full, "ranks").text)
    kept = [r for r in made.everything(seeds=1) if r.kind == "run" and (r.task, r.family) != ("mnist", "rnn")]
    text = section(report([made.write(tmp_path / "kept", kept)]), "ranks").text
    assert "Left out, since they have no score in some rows: rnn." in text


def test_ranks_are_of_rows_on_which_all_have_a_score(made, tmp_path):
    gone = {("gru", "mnist"), ("tcn", "mqar"), ("s4d", "adding 200")}
    records = [r for r in made.everything(("gru", "tcn", "s4d"), seeds=1) if (r.family, r.label) not in gone]
    (part,) = section(report([made.write(tmp_path / "gaps", records)]), "ranks").parts
    assert "over 2 rows" in part.figures[0].description


def test_failures_have_reasons_and_commands(full, whole):
    (rows,) = tables(full, "failures").values()
    assert rows[0] == (
        "adding 600",
        "rnn",
        "1",
        "diverged",
        "loss is not finite in epoch 3",
        f"keraseq reproduce {whole}/lost-rnn-1",
    )


def test_every_run_has_its_settings_and_a_command(full, whole, made):
    rows = [row for title, own in tables(full, "settings").items() if title not in ("Speed", "digits") for row in own]
    assert len(rows) == 75
    assert all(row[-1].startswith(f"keraseq reproduce {whole}/") for row in rows)
    assert "learning_rate=0.002" in rows[0][4]
    assert "matched parameters=60000.0, reached parameters=60000" in rows[0][3]


def test_the_front_is_what_nothing_beats(made, tmp_path):
    facts = {"gru": (100, 0.9), "tcn": (50, 0.8), "rnn": (120, 0.7)}
    records = [
        made.run("mnist", {}, family, 0, seconds=float(seconds), test={"accuracy": score})
        for family, (seconds, score) in facts.items()
    ]
    (part,) = section(report([made.write(tmp_path / "front", records)]), "cost").parts
    chart = next(figure for figure in part.figures if figure.x == "seconds of training")
    (line,) = [one for one in chart.series if one.name == "Pareto front"]
    assert (line.x, line.y) == ((50.0, 100.0), (0.8, 0.9))


def test_the_families_of_a_study_stand_in_the_leaderboard(thirty, made, tmp_path):
    copy = shutil.copytree(thirty, tmp_path / "searched")
    study = Study(copy)
    for family, score in (("rnn", 0.7), ("linear", 0.1)):
        study.optuna.set_user_attr(f"test/{study.winner(family).name}", {"accuracy": score, "loss": 1.0})
    found = report([copy])
    assert [row[:2] for row in tables(found, "leaderboard")["digits"]] == [("? rnn", "0.7000"), ("? linear", "0.1000")]
    (row, _) = tables(found, "settings")["digits"]
    assert row[-1] == f"keraseq train --from {copy}/{study.winner('rnn').name}"
    assert "tuned by 15 trials" in row[3]


def test_speed_grows_by_its_exponent(full):
    rows = {row[0]: row[1] for row in tables(full, "speed")[""]}
    assert rows == {"gru": "1.00", "tcn": "1.00", "transformer": "1.70"}
    measured = tables(full, "settings")["Speed"]
    assert measured[0][-1] == "keraseq bench made --models gru --tasks 'adding 64'"


def test_scores_by_length(full):
    (part,) = section(full, "lengths").parts
    (chart,) = part.figures
    assert {one.x for one in chart.series} == {(200, 600, 1000)}


def test_what_could_not_be_read_is_said_and_nothing_else_is_lost(made, tmp_path):
    records = [made.run(family=family, seed=seed) for seed in range(3) for family in ("gru", "rnn")]
    folder = made.write(tmp_path / "damaged", records)
    lines = (folder / NAME).read_text().splitlines(keepends=True)
    lines[1] = lines[1].replace('"seconds": ', '"seconds": 1')
    (folder / NAME).write_text("".join(lines) + lines[0] + lines[2][:50])
    found = report([folder])
    assert len(found.warnings) == 3
    assert "line 2" in found.warnings[0]
    assert "checksum" in found.warnings[0]
    assert len(found.rows) == 5
    both = report([folder, folder])
    assert (len(both.rows), len(both.warnings)) == (5, 6 + 5)
    assert "once more; the first is shown" in both.warnings[-1]


def test_two_settings_of_one_family_are_two_models(made, tmp_path):
    records = [made.run(seed=seed) for seed in range(3)]
    other = [
        dataclasses.replace(record, id=f"{record.id}-", config={**record.config, "units": 128}) for record in records
    ]
    found = report([made.write(tmp_path / "two", records + other)])
    names = {row[0].partition(" ")[2] for row in tables(found, "leaderboard")["adding"]}
    assert names == {"gru units=64", "gru units=128"}


def test_a_record_that_is_odd_costs_nothing_else(made, tmp_path):
    odd = "of \x07 another\x00 time"
    records = [made.run("mnist", {}, family, seed) for seed in range(3) for family in ("gru", "rnn")]
    records += [
        dataclasses.replace(one, id=f"odd{k}", settings={"long_gone": 3}, label=odd, test={"accuracy": 0.1})
        for k, one in enumerate(records)
    ]
    found = report([made.write(tmp_path / "odd", records)])
    assert list(tables(found, "published")) == ["mnist"]
    assert tables(found, "leaderboard")[odd][0][2] == "0.1000 … 0.1000"
    assert "another" in write(found, tmp_path / "it.html").read_text()


class Page(html.parser.HTMLParser):
    """What a page asks for, and what its figures are called."""

    def __init__(self):
        super().__init__()
        self.tags, self.ids, self.wanted, self.pictures = [], [], [], []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append(tag)
        self.ids += [given["id"]] if "id" in given else []
        self.wanted += [given[name] for name in ("src", "href", "xlink:href") if name in given]
        if tag == "svg":
            self.pictures.append(given)


@pytest.fixture(scope="module")
def page(file):
    text = file.read_text()
    found = Page()
    found.feed(text)
    found.text = text
    return found


def test_a_page_asks_for_nothing(page):
    assert not {"script", "img", "iframe", "object", "video", "embed"} & set(page.tags)
    assert all(one.startswith(("#", "data:")) for one in page.wanted)
    assert not re.search(r"@import|url\((?!#)", page.text)
    assert "default-src 'none'" in page.text


def test_figures_have_names_and_ids_of_their_own(page, full):
    count = sum(len(part.figures) for one in full.sections for part in one.parts)
    assert len(page.pictures) == count > 20
    assert len(page.ids) == len(set(page.ids))
    for picture in page.pictures:
        assert picture["role"] == "img"
        assert {picture["aria-labelledby"], picture["aria-describedby"]} <= set(page.ids)
    links = [one[1:] for one in page.wanted if one.startswith("#")]
    assert set(links) <= set(page.ids)
    for svg in re.findall(r"<svg.*?</svg>", page.text, re.DOTALL):
        names = [element.text for element in ElementTree.fromstring(svg) if element.tag.endswith(("title", "desc"))]
        assert len(names) == 2
        assert all(names)


def test_what_comes_from_files_is_text_and_no_markup(made, tmp_path):
    bad = "<script>alert(1)</script> $x_{$ [a](b) |"
    records = [
        dataclasses.replace(made.run("adding", {}, family, seed), id=f"{family}{seed}", label=bad, config={"note": bad})
        for seed in range(3)
        for family in ("gru", "tcn", "rnn")
    ]
    records += [dataclasses.replace(made.lost(message=bad), label=bad)]
    found = report([made.write(tmp_path / "bad", records)], title=bad)
    text = write(found, tmp_path / "bad.html").read_text()
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text
    markdown = write(found, tmp_path / "bad.md").read_text()
    assert "\\<script\\>" in markdown
    assert not re.search(r"(?<!\\)<script>(?!.*`)", markdown)
    rows = [line for line in markdown.splitlines() if line.startswith("|") and "note=" in line]
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 7 for row in rows)


def test_markdown_holds_the_numbers(full, tmp_path):
    text = write(full, tmp_path / "deep" / "report.md").read_text()
    assert "## Leaderboard" in text
    assert re.search(r"\| ★\s+transformer \|", text.replace("\u00a0", " "))
    assert "| `keraseq reproduce " not in text.partition("## Failures")[0]


def test_csv_has_a_line_a_run(full, whole, tmp_path):
    lines = list(csv.DictReader(io.StringIO(write(full, tmp_path / "report.csv").read_text())))
    assert len(lines) == len(full.rows) == 87
    assert (lines[0]["from"], lines[0]["family"], lines[0]["task"]) == (str(whole), "rnn", "adding")
    assert float(lines[0]["score"]) > 0


def test_where_and_what_a_report_is_written_to(full, tmp_path, made):
    with pytest.raises(UsageError, match=r"written to \.html, \.md, \.csv; got 'report.pdf'"):
        write(full, tmp_path / "report.pdf")
    with pytest.raises(UsageError, match="did you mean 'html'"):
        write(full, tmp_path / "report.pdf", "htm")
    (tmp_path / "empty").mkdir()
    with pytest.raises(KeraseqError, match=r"holds neither records.jsonl nor study.json"):
        report([tmp_path / "empty"])


def test_a_benchmark_reports_on_itself(small, tmp_path):
    text = small.report(tmp_path / "small.md", title="Small").read_text()
    assert text.startswith("# Small")
    assert f"| linear | {number(sum(one.score for one in small.records) / 3)} |" in text.replace("\u00a0", " ")


def test_two_benchmarks_side_by_side(made, tmp_path):
    rng = [0.02, -0.01, 0.015]
    tasks = [("mnist", {}), ("mqar", {})]
    before = [made.run(t, s, f, seed) for t, s in tasks for f in ("gru", "tcn") for seed in range(3)]
    after = [
        dataclasses.replace(
            r,
            test={r.metric: r.score + (0.2 + 0.001 * r.seed if r.family == "gru" else 0.1 * rng[r.seed])},
            config={**r.config, "units": 65},
        )
        for r in before
        if (r.task, r.family) != ("mqar", "tcn")
    ]
    after.append(made.run("listops", {"length": 1000}, "gru", 0))
    found = compare(made.write(tmp_path / "before", before), made.write(tmp_path / "after", after))
    told = {(pair.label, pair.name): pair for pair in found.pairs}
    gru, tcn = told["mnist", "gru"], told["mnist", "tcn"]
    assert (gru.verdict, tcn.verdict) == ("better", "tied")
    assert (gru.difference.paired, gru.difference.mean) == (True, pytest.approx(0.201))
    assert gru.difference.low == pytest.approx(0.2, abs=1e-3)
    assert gru.settings == {"config.units": (64, 65)}
    assert found.only_first == (("mqar", "tcn"),)
    assert found.only_second == (("listops 1000", "gru"),)
    assert [pair["verdict"] for pair in found.to_json()["pairs"]] == [pair.verdict for pair in found.pairs]


def test_three_seeds_that_agree_by_chance_are_no_difference(made, tmp_path):
    """The interval of three values of one sign leaves out zero, which one in four does by chance."""
    before = [made.run("mnist", {}, "gru", seed) for seed in range(3)]
    gaps = [0.001, 0.03, 0.01]
    after = [dataclasses.replace(r, test={"accuracy": r.score - gaps[r.seed]}) for r in before]
    (pair,) = compare(made.write(tmp_path / "before", before), made.write(tmp_path / "after", after)).pairs
    assert pair.difference.high < 0
    assert pair.verdict == "tied"
    (pair,) = compare(tmp_path / "before", made.write(tmp_path / "few", after[:2])).pairs
    assert pair.verdict == "undecided"


def test_scalars_for_tensorboard(made, thirty, tmp_path):
    import tensorflow as tf
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from keraseq.benchmarking.results import load
    from keraseq.benchmarking.scalars import write_scalars

    record = made.run()
    folder = made.write(tmp_path / "one", [record, made.speed()])
    assert write_scalars([load(folder)], tmp_path / "logs") == 1
    (place,) = (tmp_path / "logs").iterdir()
    events = EventAccumulator(str(place)).Reload()
    (score,) = events.Tensors("test/mse")
    assert float(tf.make_ndarray(score.tensor_proto)) == pytest.approx(record.score)
    curve = [float(tf.make_ndarray(one.tensor_proto)) for one in events.Tensors("epoch/val_mse")]
    assert curve == pytest.approx([line["val_mse"] for line in record.curve])
    held = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    assert b"config/units" in held
    with pytest.raises(KeraseqError, match="holds something already"):
        write_scalars([load(folder)], tmp_path / "logs")


def test_a_report_is_written_without_tensorflow(made, tmp_path):
    folder = made.write(tmp_path / "one", [made.run(family=family) for family in ("gru", "rnn")])
    code = (
        "import sys; from keraseq.benchmarking.report import report, write; "
        f"write(report([{str(folder)!r}]), {str(tmp_path / 'it.html')!r}); assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
