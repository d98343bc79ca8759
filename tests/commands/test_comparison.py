"""Presets side by side: the table, the figure, what fails, and maps that are used again."""

import json
import re
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console
from support.fake_localizer import Answer, FakeLocalizer, make_frames
from support.tiny_scene import CHEAP, settings

from trigpoint.build.kept_maps import kept_map
from trigpoint.cli import run
from trigpoint.commands import comparison
from trigpoint.core.errors import ConfigError, MappingError
from trigpoint.core.interrupt import Interrupted
from trigpoint.evaluation.evaluate import evaluate_frames
from trigpoint.evaluation.metrics import METRIC_THRESHOLDS, Threshold
from trigpoint.evaluation.trials import Range, Summary, Trial, check_choice, run_trials
from trigpoint.formats.readers import open_scene
from trigpoint.mapping.presets import resolve_config
from trigpoint.report.comparison_report import (
    comparison_blocks,
    comparison_document,
    presets_table,
    write_comparison,
)
from trigpoint.report.terminal import print_blocks

FACTS = {"task": {"scene": "office & <attic>"}, "machine": {"CPU count": "2"}}


def evaluation(wrong, *, units="m", thresholds=METRIC_THRESHOLDS, count=10):
    """Of ten images, the first ``wrong`` are off by 30 cm, the others by 1.5 cm."""
    frames = make_frames(count)
    answers = {frame.name: Answer(0.3 if index < wrong else 0.015, 1.0) for index, frame in enumerate(frames)}
    return evaluate_frames(FakeLocalizer(frames, answers, units), frames, thresholds=thresholds, scene_name="office")


def trials(**options):
    """Preset a with three seeds, b that failed once, c that failed always."""
    results = [Trial("a", seed, 1_000_000, 10.0 * (seed + 1), evaluation(seed + 1, **options)) for seed in range(3)]
    results += [Trial("b", 0, 4_000_000, None, evaluation(0, **options)), Trial("b", 1, problem="TP-604 it <diverged>")]
    return [*results, Trial("c", 0, problem="TP-501 no weights"), Trial("c", 1, 5, 1.0, problem="MemoryError: ")]


def summaries(**options):
    results = trials(**options)
    return [Summary.of(preset, results) for preset in "abc"]


def test_table():
    table = presets_table(summaries(), thresholds=2)
    header, rows = table.header, table.rows
    assert header == ["preset", "within 5 cm, 5°", "median error", "map", "mapping", "image", "within 2 cm, 2°"]
    a, b, c = rows
    assert a[:2] == ["a", "80.0 % (70.0 % to 90.0 %)"]
    assert a[2:5] == ["1.5 cm, 1°", "1.00 MB", "20 s (10 s to 30 s)"]
    assert b[0] == "b (1 of 2 failed)" and b[1] == "100.0 %" and b[3:5] == ["4.00 MB", "unknown"]
    assert c[:3] == ["c (2 of 2 failed)", "-", "-"] and c[6] == "-"
    assert len(presets_table(summaries()).header) == 5 + len(METRIC_THRESHOLDS)
    assert [line for summary in summaries() for line in summary.problems()] == [
        "b, seed 1: TP-604 it <diverged>",
        "c, seed 0: TP-501 no weights",
        "c, seed 1: MemoryError: ",
    ]


def test_range():
    assert Range.of([3, 1, 2, 10]) == Range(2.5, 1, 10)
    assert Range.of([]) is None
    assert Range(float("inf"), 1, float("inf")).to_json() == {"median": None, "low": 1, "high": None}


def test_document():
    document = json.loads(json.dumps(comparison_document(summaries(), FACTS), allow_nan=False))
    a, b, c = document["presets"]
    assert document["thresholds"][0] == {"translation": 0.05, "rotation_deg": 5.0}
    assert a["recall"][0] == {"median": 0.8, "low": 0.7, "high": 0.9}
    assert a["mapping_seconds"]["median"] == 20 and b["mapping_seconds"] is None
    assert [trial["problem"] for trial in c["trials"]] == ["TP-501 no weights", "MemoryError: "]
    assert a["trials"][1]["evaluation"]["recall"][0]["fraction"] == 0.8
    assert document["machine"] == {"CPU count": "2"}


class Balanced(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.open, self.text = [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert tag not in ("script", "link", "img")
        self.open += [] if tag in ("meta", "br", "path") else [tag]

    def handle_endtag(self, tag):
        assert tag == "path" or self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.mark.parametrize("count", [3, 1, 0], ids=["three", "one", "nothing worked"])
def test_files(tmp_path, count):
    chosen = summaries()[:count] if count else summaries()[2:]
    page = write_comparison(tmp_path, chosen, title="Presets <here>", facts=FACTS)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".html", ".json", ".md", ".svg"]
    text = page.read_text()
    shown = " ".join(Balanced(text).text)
    for expected in ("Presets <here>", "office & <attic>", "CPU count", *(["80.0 %", "20 s"] if count else [])):
        assert expected in shown, expected
    assert ("it <diverged>" in shown) == (count == 3)
    assert not re.search(r"https?://|url\(|@import|\bnan\b", text)
    assert text.count('class="chart"') == (2 if count else 0)
    figure = ElementTree.parse(tmp_path / "comparison.svg").getroot()
    charts = figure.findall("{http://www.w3.org/2000/svg}svg")
    assert [chart.get("aria-label") for chart in charts] == ["Accuracy over map size", "Cumulative translation error"]
    markdown = (tmp_path / "comparison.md").read_text()
    for block in re.findall(r"(?:^\|.*\n?)+", markdown, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


def test_figure_has_a_dot_for_each_map_and_a_curve_for_each_preset(tmp_path):
    write_comparison(tmp_path, summaries(), title="t", facts={})
    text = (tmp_path / "comparison.html").read_text()
    dots = re.findall(r'stroke:(#\w+);stroke-width:9" d="M([\d.]+) ([\d.]+)h0"', text)
    assert len(dots) == 4 and len({colour for colour, _, _ in dots}) == 2
    # The better, the higher; the larger, the further right.
    heights, positions = [float(each[2]) for each in dots], [float(each[1]) for each in dots]
    assert heights == [*sorted(heights[:3]), min(heights)]
    assert positions[0] == positions[1] == positions[2] < positions[3]
    assert text.count('class="curve preset"') == 2


def test_unknown_scale_is_never_in_metres(tmp_path):
    write_comparison(tmp_path, summaries(units="units", thresholds=(Threshold(0.05, 5),)), title="t", facts={})
    for name in ("comparison.html", "comparison.md", "comparison.svg"):
        text = re.sub(r"<style>.*</style>", "", (tmp_path / name).read_text(), flags=re.DOTALL)
        assert "0.05 units" in text or name.endswith("svg")
        assert not re.search(r"\d c?m\b", text)


def test_terminal():
    console = Console(width=200, record=True, file=StringIO())
    print_blocks(comparison_blocks(summaries(), "Presets on attic"), console)
    text = console.export_text()
    assert "80.0 % (70.0 % to 90.0 %)" in text and "c, seed 0: TP-501 no weights" in text


def test_one_failure_does_not_lose_the_others():
    built = []

    def build(preset, seed):
        built.append((preset, seed))
        if preset == "b":
            raise MappingError("TP-604", "it diverged", fix="Look at it.")
        return Path(preset), 7, 1.5

    def judge(path):
        if path.name == "c":
            raise ZeroDivisionError("a\nbug")
        return evaluation(0)

    results = run_trials(["a", "b", "c"], [0, 1], build, judge)
    assert built == [(preset, seed) for preset in "abc" for seed in (0, 1)]
    assert [trial.problem for trial in results[::2]] == ["", "TP-604 it diverged. Look at it.", "ZeroDivisionError: a bug"]
    assert (results[4].map_bytes, results[4].mapping_seconds, results[4].evaluation) == (7, 1.5, None)


def test_an_interruption_is_no_failure():
    def build(preset, seed):
        raise Interrupted

    with pytest.raises(Interrupted):
        run_trials(["a"], [0], build, lambda path: evaluation(0))


@pytest.mark.parametrize(
    ("presets", "seeds", "code"),
    [(["a", "a"], [0], "TP-763"), ([], [0], "TP-763"), (["a"], [1, 1], "TP-764"), (["a"], [], "TP-764")],
)
def test_lists_that_are_no_comparison(presets, seeds, code):
    with pytest.raises(ConfigError, match=code):
        check_choice(presets, seeds)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--presets", "trigg"], "TP-713"),
        (["--presets", "trig-network", "--set", "head.widht=3"], "TP-701"),
        (["--presets", "trig-network", "--threshold", "much"], "TP-721"),
        (["--presets", "trig-network", "--holdout", "sometimes"], "TP-715"),
        (["--presets", "trig-network", "trig-network"], "TP-763"),
    ],
)
def test_options_are_looked_at_before_anything_is_built(room, tmp_path, capsys, monkeypatch, options, code):
    monkeypatch.setattr(comparison, "kept_map", lambda *_, **__: pytest.fail("built"))
    assert run(["compare", str(room), "-o", str(tmp_path / "out"), *options]) == 2
    assert f"error {code}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_output_that_is_a_file(room, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert run(["compare", str(room), "-o", str(tmp_path / "file")]) == 2
    assert "error TP-824" in capsys.readouterr().err


@pytest.fixture(scope="module")
def compared(room, tmp_path_factory, one_thread):
    """The verb, once: a preset that works, and one that fails. (exit code, output folder)."""
    output = tmp_path_factory.mktemp("compared") / "out"
    real = comparison.kept_map

    def failing(scene, path, *, config, **options):
        if config.preset == "poker-compact":
            raise MappingError("TP-604", "it diverged", fix="Look at the scene.")
        return real(scene, path, config=config, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "kept_map", failing)
        words = ["--presets", "poker-compact", "ace-compact", "--json", str(output / "copy.json"), "--quiet"]
        code = run(["compare", str(room), "-o", str(output), *words, *settings(CHEAP)])
    return code, output


def test_the_verb(compared):
    code, output = compared
    assert code == 1
    wanted = ["ace-compact-0.json", "ace-compact-0.trig", *(f"comparison.{kind}" for kind in ("html", "json", "md", "svg"))]
    assert sorted(path.name for path in output.iterdir()) == [*wanted, "copy.json"]
    document = json.loads((output / "comparison.json").read_text())
    assert json.loads((output / "copy.json").read_text()) == document
    failed, worked = document["presets"]
    assert "TP-604 it diverged" in failed["trials"][0]["problem"]
    assert worked["trials"][0]["evaluation"]["images"] == 6
    assert worked["map_bytes"]["median"] == (output / "ace-compact-0.trig").stat().st_size
    assert worked["mapping_seconds"]["median"] > 0
    assert document["task"]["mapping images"] == "24"


def test_maps_are_used_again(compared, room, tmp_path, monkeypatch):
    path = tmp_path / "ace-compact-0.trig"
    for suffix in (".trig", ".json"):
        path.with_suffix(suffix).write_bytes((compared[1] / path.with_suffix(suffix).name).read_bytes())
    scene = open_scene(room)
    same = {"config": resolve_config("ace-compact", CHEAP)}
    monkeypatch.setattr("trigpoint.build.kept_maps.build_map", lambda *_, **__: pytest.fail("built again"))
    first = kept_map(scene, path, **same)
    assert first.reused and first.seconds == json.loads(path.with_suffix(".json").read_text())["mapping_seconds"]
    for damage in ('{"map_id": "other", "mapping_seconds": 3}', "{", "[]"):
        path.with_suffix(".json").write_text(damage)
        assert kept_map(scene, path, **same).seconds is None

    class Built(Exception):
        pass

    def build(*_, **__):
        raise Built

    monkeypatch.setattr("trigpoint.build.kept_maps.build_map", build)
    others = [
        {**same, "seed": 1},
        {"config": resolve_config("ace-compact", (*CHEAP, "optimizer.steps=61"))},
        {"config": resolve_config("poker-compact", CHEAP)},
    ]
    for other in others:
        with pytest.raises(Built):
            kept_map(scene, path, **other)
    with pytest.raises(Built):
        kept_map(scene.with_frames(scene.frames[1:]), path, **same)
    with pytest.raises(Built):
        kept_map(open_scene(room, holdout="every:4:0"), path, **same)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(Built):
        kept_map(scene, path, **same)
