"""Options that verbs share: which images a scene holds out, and one text for each option."""

from types import SimpleNamespace

import pytest
from support.scene_files import write_nerfstudio
from support.verb_options import option_texts

from trigpoint.commands import VERBS, load_verb
from trigpoint.commands.options import MappingSceneOptions, RunOptions, SceneOptions
from trigpoint.core.errors import ConfigError


@pytest.fixture
def folder(tmp_path):
    write_nerfstudio(tmp_path / "scene")
    return tmp_path / "scene"


def held_out(scene):
    return [index for index, frame in enumerate(scene.posed()) if frame.split == "test"]


def test_the_rule_of_the_map_holds_unless_the_user_names_one(folder):
    made = SimpleNamespace(metric=True, built_from={"holdout": "every:4:1"})
    scene = SceneOptions().open_with(folder, made)
    assert held_out(scene) == [1, 5] and scene.metric
    assert held_out(SceneOptions(holdout="every:4:2").open_with(folder, made)) == [2, 6]
    made.built_from["holdout"] = None
    assert held_out(SceneOptions().open_with(folder, made)) == held_out(SceneOptions().open(folder))
    made.built_from["holdout"] = "blocks:2-99"
    with pytest.raises(ConfigError, match="TP-717"):
        SceneOptions().open_with(folder, made)


def test_the_unit_is_what_the_user_says(folder):
    assert not MappingSceneOptions().open(folder).metric
    assert MappingSceneOptions(metric=True).open(folder).metric


def test_results_are_written_where_a_file_is_named(tmp_path):
    RunOptions().write({"a": 1})
    RunOptions(json=tmp_path / "a.json").write({"a": 1})
    assert (tmp_path / "a.json").read_text().split() == ["{", '"a":', "1", "}"]
    assert RunOptions().query_device == "cpu" and RunOptions(device="cuda").query_device == "cuda"


def test_an_option_that_several_verbs_have_says_the_same_in_all():
    shared = {"--format", "--holdout", "--skip-invalid", "--metric", "--quiet", "--json", "--device"}
    texts = {}
    for verb in map(load_verb, VERBS):
        for name, text in option_texts(verb).items():
            texts.setdefault(name, set()).add(text)
    assert shared <= set(texts)
    assert {name: wordings for name, wordings in texts.items() if name in shared and len(wordings) > 1} == {}
