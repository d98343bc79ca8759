"""Results read back: what is refused, and files of other programs."""

import pytest
from support.fake_results import make_result, sample

from trigpoint.core.errors import OutputError
from trigpoint.localization.read_results import read_jsonl
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


def test_missing_and_binary_files(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name in ("missing", "binary"):
        with pytest.raises(OutputError, match="TP-805"):
            read_jsonl(tmp_path / name)
