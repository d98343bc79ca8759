"""Documents that say what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.measure import LAYERS
from support.preset_table import table

from trigpoint.features.encoders import ENCODERS
from trigpoint.formats.readers import READERS
from trigpoint.mapping.presets import DEFAULT_PRESET, PRESETS, resolve_config

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_presets_are_listed_with_every_setting():
    document = text_of("docs/presets.md")
    assert table() in document, "run 'python tests/support/preset_table.py' and put its table into docs/presets.md"
    assert f"**`{DEFAULT_PRESET}`** is the default" in document
    assert all(f"**`{name}`**" in document for name in PRESETS)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_overrides_in_documents_are_accepted(document):
    found = re.findall(r"--set ([a-z_.]+=[^\s`]+)", document.read_text(encoding="utf-8"))
    for override in found:
        if override != "section.setting=value":
            resolve_config(DEFAULT_PRESET, [override])


def test_the_table_of_layers_lists_the_folders_in_their_order():
    layers = text_of("docs/architecture.md").partition("## Layers")[2].partition("\n## ")[0]
    assert re.findall(r"(?m)^\| `([a-z]+)/` \|", layers) == list(LAYERS)


def test_formats_and_encoders_are_listed():
    headings = re.findall(r"(?m)^### `([a-z0-9]+)`", text_of("docs/formats.md"))
    assert headings == list(READERS)
    assert all(f"`{name}`" in text_of("docs/presets.md") for name in ENCODERS)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_named_files_exist(document):
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert "://" in target or (document.parent / target).exists(), target
    for name in re.findall(r"`((?:src|tests|docs)/[\w./-]+\.\w+)`", text):
        assert (ROOT / name).exists(), name


def test_modules_that_documents_name_exist():
    """Such as ``mapping/head.py``, below ``src/trigpoint``."""
    module = re.compile(rf"`((?:{'|'.join(LAYERS)})/[\w/]+\.(?:py|json))`")
    named = {(path.name, name) for path in DOCUMENTS for name in module.findall(path.read_text(encoding="utf-8"))}
    assert len(named) > 20
    assert [entry for entry in sorted(named) if not (ROOT / "src/trigpoint" / entry[1]).exists()] == []
