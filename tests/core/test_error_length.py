"""Names and words in damaged files can be as long as the files."""

from __future__ import annotations

from trigpoint.core.errors import TrigpointError


def test_long_words_are_clipped():
    error = TrigpointError("TP-214", "'" + "x" * 100_000 + "' is not a number", where="f" * 100_000, fix="Correct the file.")
    assert len(str(error)) < 1600
    assert "is not a number" in str(error) and str(error).endswith("Correct the file.")
    assert error.where == "f" * 100_000
