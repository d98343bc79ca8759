"""The documentation site: its pages, API reference, and that it loads nothing from elsewhere. ``make docs`` builds it."""

from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path

import pytest

import trigpoint

ROOT = Path(__file__).parents[2]
REFERENCE = sorted(ROOT.glob("docs/reference/*.md"))


@pytest.fixture(scope="module")
def hooks():
    spec = importlib.util.spec_from_file_location("site_hooks", ROOT / "docs/site/hooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def documented(path):
    return re.findall(r"(?m)^::: ([\w.]+)", path.read_text(encoding="utf-8"))


def exists(name):
    if name.rpartition(".")[0] == "trigpoint" and hasattr(trigpoint, name.rpartition(".")[2]):
        return True
    return importlib.util.find_spec(name) is not None


def test_the_reference_names_what_exists():
    assert [f"{path.name}: {name}" for path in REFERENCE for name in documented(path) if not exists(name)] == []


def test_every_name_of_the_package_is_in_the_reference():
    expected = {f"trigpoint.{name}" for name in dir(trigpoint) if name != "__version__"}
    assert set(documented(ROOT / "docs/reference/index.md")) == expected


def test_every_document_is_on_the_site():
    navigation = set(re.findall(r"[\w/]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")))
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md")}
    assert navigation == pages | {"index.md", "contributing.md", "changelog.md"}


def test_links_of_the_root_lead_to_pages(hooks):
    text = "[a](docs/formats.md#colmap), [b](CONTRIBUTING.md), ![c](docs/images/room.png), [d](https://example.org/docs/x)"
    assert hooks.links_from_docs(text) == (
        "[a](formats.md#colmap), [b](contributing.md), ![c](images/room.png), [d](https://example.org/docs/x)"
    )
    assert hooks.links_from_docs("a [notebook](examples/x.ipynb)") == "a notebook (`examples/x.ipynb`)"
    assert hooks.on_page_markdown("[e](../CHANGELOG.md)") == "[e](changelog.md)"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.html", '<script src="https://cdn.example.org/x.js"></script>'),
        ("page.html", '<img src="//cdn.example.org/x.png">'),
        ("page.html", '<link rel="stylesheet" href="http://fonts.example.org/css">'),
        ("style.css", "body { background: url(https://cdn.example.org/x.png) }"),
        ("style.css", '@import "https://fonts.example.org/css";'),
    ],
)
def test_what_comes_from_elsewhere_is_noticed(hooks, tmp_path, name, content):
    (tmp_path / name).write_text(content)
    assert len(hooks.fetched_from_outside(tmp_path / name)) == 1


def test_own_files_and_links_are_no_fetches_from_elsewhere(hooks, tmp_path):
    (tmp_path / "page.html").write_text(
        '<a href="https://example.org">x</a><script src="assets/x.js"></script><img src="data:image/png;base64,AA==">'
        '<link rel="canonical" href="https://example.org/page.html">'
    )
    (tmp_path / "style.css").write_text("a { mask: url(../assets/x.svg); background: url('data:image/svg+xml,<svg/>') }")
    assert [hooks.fetched_from_outside(tmp_path / name) for name in ("page.html", "style.css")] == [[], []]
