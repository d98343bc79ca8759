"""Errors of the file system in our words: the cause, where, and what to do."""

from __future__ import annotations

import errno
import os

import pytest

from trigpoint.cli import run
from trigpoint.core.file_errors import file_error


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "Free some space."),
        (errno.EIO, "Check the disk, or the connection to it."),
        (errno.EMFILE, "Allow more open files: see 'ulimit -n'."),
        (errno.EACCES, "Check the permissions."),
        (errno.EXDEV, "Check the path, the disk and the permissions."),
    ],
)
def test_each_cause_has_its_advice(number, advice):
    error = file_error(OSError(number, os.strerror(number), "kitchen/0001.jpg"), "kitchen")
    assert str(error) == f"TP-806 the system refused to read or write ({os.strerror(number)}) [kitchen/0001.jpg]. {advice}"


@pytest.mark.parametrize(("error", "where"), [(OSError(5, "x", 3), "kitchen"), (OSError("x"), "kitchen")])
def test_an_error_without_a_name_is_about_the_work(error, where):
    assert file_error(error, where).where == where and "(x)" in str(file_error(error))


def test_no_verb_ends_in_a_traceback_of_the_file_system(tmp_path, monkeypatch, capsys):
    def fails(*_, **__):
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(tmp_path / "kitchen.trig"))

    monkeypatch.setattr("trigpoint.commands.options.ProgressOptions.begin", fails)
    assert run(["info", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error TP-806 the system refused to read or write (Input/output error)")
    with pytest.raises(OSError):
        run(["info", str(tmp_path), "--debug"])
