"""Results read back: what is refused, and files of other programs."""

import pytest
from support.fake_results import make_result, sample

from trigpoint.core.errors import OutputError
from trigpoint.localization.read_results import read_jsonl, read_tum
from trigpoint.localization.results import jsonl_text


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "null",
        '{"name": "a"}',
        jsonl_text([make_result("a", 1)]).replace('"PINHOLE"', '"X"').replace('"OPENCV"', '"X"'),
        jsonl_text([make_result("a", 2)]).replace('"covariance": [[', '"covariance": [[1.0], ['),
    ],
)
def test_jsonl_refused(tmp_path, line):
    path = tmp_path / "r.jsonl"
    path.write_text(jsonl_text(sample()) + line)
    with pytest.raises(OutputError, match=r"TP-805 .*r\.jsonl:5"):
        read_jsonl(path)


@pytest.mark.parametrize("line", ["1 2 3", "1 0 0 0 0 0 0 0", "1 0 0 0 0 0 0 x", "1 nan 0 0 0 0 0 1"])
def test_tum_refused(tmp_path, line):
    path = tmp_path / "r.txt"
    path.write_text(line)
    with pytest.raises(OutputError, match=r"TP-805 .*r\.txt:1"):
        read_tum(path)


def test_missing_and_binary_files(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name in ("missing", "binary"):
        for read in (read_jsonl, read_tum):
            with pytest.raises(OutputError, match="TP-805"):
                read(tmp_path / name)


def test_tum_of_another_program(tmp_path):
    path = tmp_path / "groundtruth.txt"
    path.write_text('# ground truth trajectory\n# file: "x"\n1.5 1 2 3 0 0 0 1\n')
    pose = read_tum(path)["1.5"]
    assert pose.centre() == pytest.approx([1, 2, 3])
