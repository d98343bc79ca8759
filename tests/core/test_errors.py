"""Error codes: each is documented, belongs to its area, and comes with advice."""

import ast
import re

import pytest
from support.source_code import FILES, ROOT, dotted_name, label, tree_of

from trigpoint.core import errors
from trigpoint.core.errors import TrigpointError, did_you_mean

PAGE = ROOT / "docs" / "errors.md"
AREAS = {
    "ImageError": "1",
    "SceneError": "2",
    "GeometryError": "3",
    "MapFileError": "4",
    "WeightsError": "5",
    "MappingError": "6",
    "ConfigError": "7",
    "OutputError": "8",
    "DownloadError": "9",
}
CODE = re.compile(r"TP-\d{3}")


def codes_in(path):
    constants = (node.value for node in ast.walk(tree_of(path)) if isinstance(node, ast.Constant))
    return {value for value in constants if isinstance(value, str) and CODE.fullmatch(value)}


def used_codes():
    return set().union(*(codes_in(path) for path in FILES))


def rows():
    """(code, cells) of each table row of the page."""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and CODE.fullmatch(cells[0]):
            yield cells[0], cells


def test_every_code_is_documented_and_every_documented_code_exists():
    documented, used = {code for code, _ in rows()}, used_codes()
    assert len(used) > 60
    assert not used - documented, "add to docs/errors.md"
    assert not documented - used, "remove from docs/errors.md"


def test_each_code_has_one_row_with_meaning_and_advice_in_order():
    found = list(rows())
    codes = [code for code, _ in found]
    assert codes == sorted(set(codes))
    for code, cells in found:
        assert len(cells) == 3, code
        for cell in cells[1:]:
            assert len(cell.split()) >= 3 and cell.endswith("."), code


def test_every_area_has_a_section_of_its_own():
    section = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        heading = re.match(r"## (\d)xx: .*`(\w+)`", line)
        if heading:
            section = heading[1]
            assert AREAS[heading[2]] == section
        if line.startswith("| TP-"):
            assert line[5] == section, line


def raised(path):
    """The calls that make an error, those that are returned to be raised included."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and dotted_name(node.func).rpartition(".")[2] in {*AREAS, "TrigpointError"}:
            yield node


def faults(call):
    """What is wrong with the code, the sentence or the advice of an error, as far as they are constants."""
    area = AREAS.get(dotted_name(call.func).rpartition(".")[2])
    code, what, *_ = [argument.value if isinstance(argument, ast.Constant) else None for argument in call.args]
    options = {option.arg: option.value for option in call.keywords}
    fix = options.get("fix")
    if code is not None and not (CODE.fullmatch(code) and code[3] == area):
        yield "the code is not of the area of its class"
    if what is not None and (not what or what.endswith(".")):
        yield "what is wrong is empty or ends with a full stop"
    if fix is None:
        yield "there is no advice"
    elif isinstance(fix, ast.Constant) and not (len(fix.value) > 8 and fix.value.endswith((".", "?", "!"))):
        yield "the advice is no sentence"


def test_every_error_has_a_code_of_its_area_and_advice():
    calls = [(path, call) for path in FILES for call in raised(path)]
    assert len(calls) > 200
    assert [f"{label(path)}:{call.lineno} {fault}" for path, call in calls for fault in faults(call)] == []


@pytest.mark.parametrize(
    "source",
    [
        "SceneError('TP-101', 'it is wrong', fix='Mend it at once.')",
        "SceneError('TP-2', 'it is wrong', fix='Mend it at once.')",
        "SceneError('TP-201', 'It is wrong.', fix='Mend it at once.')",
        "SceneError('TP-201', 'it is wrong')",
        "SceneError('TP-201', 'it is wrong', fix='Mend it')",
    ],
)
def test_faults_are_noticed(source):
    assert len(list(faults(ast.parse(source).body[0].value))) == 1


def test_areas_are_the_error_classes():
    classes = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, TrigpointError)}
    assert classes == {*AREAS, "TrigpointError"}


def test_the_message_says_what_where_and_what_to_do(tmp_path):
    error = errors.SceneError("TP-299", "this is wrong", where=tmp_path / "file", fix="Do that.")
    assert str(error) == f"TP-299 this is wrong [{tmp_path / 'file'}]. Do that."
    assert (error.code, error.what, error.where, error.fix) == (
        "TP-299",
        "this is wrong",
        str(tmp_path / "file"),
        "Do that.",
    )
    assert str(errors.ConfigError("TP-799", "no")) == "TP-799 no."


@pytest.mark.parametrize(("word", "start"), [("xfaet", "Did you mean 'xfeat'? "), ("zzz", "Known: "), ("", "Known: ")])
def test_suggestions(word, start):
    text = did_you_mean(word, ["xfeat", "disk"])
    assert text.startswith(start) and text.endswith("Known: disk, xfeat.")
