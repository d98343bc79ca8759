"""Documents that say what the code says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from support.preset_table import table
from support.verb_options import option_names

from trigpoint.commands import VERBS, load_verb
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


def test_formats_and_encoders_are_listed():
    headings = re.findall(r"(?m)^### `([a-z]+)`", text_of("docs/formats.md"))
    assert headings == list(READERS)
    assert all(f"`{name}`" in text_of("docs/presets.md") for name in ENCODERS)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_in_documents_exist(document):
    """Verbs and options only: the scenes they name exist nowhere."""
    text = document.read_text(encoding="utf-8")
    code = [
        *re.findall(r"(?s)```[a-z]*\n(.*?)```", text),
        *re.findall(r"`([^`\n]+)`", text),
        *re.findall(r"(?m)^    .*", text),
    ]
    for line in re.findall(r"(?m)^ *trigpoint ([a-z][^#|\n]*)", "\n".join(code)):
        verb, *words = shlex.split(line)
        assert verb in VERBS, line
        known = option_names(load_verb(verb))
        options = {word.split("=")[0] for word in words if word.startswith("--")}
        assert options <= known | {"--debug", "--help"}, line


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_named_files_exist(document):
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert "://" in target or (document.parent / target).exists(), target
    for name in re.findall(r"`((?:src|tests|docs)/[\w./-]+\.\w+)`", text):
        assert (ROOT / name).exists(), name
