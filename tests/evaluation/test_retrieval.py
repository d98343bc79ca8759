"""Evaluation of retrieval: recall, tasks, the feature cache, ONNX networks, and the verb."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support.retrieval_images import scenes
from support.scene_files import write_image

from trigpoint.cli import run
from trigpoint.core.errors import ConfigError, MappingError
from trigpoint.retrieval.descriptor import fit_descriptor
from trigpoint.retrieval.evaluation import Reranker, evaluate_descriptor, recall_at
from trigpoint.retrieval.matching import MutualNearest
from trigpoint.retrieval.network import NetworkInput, OnnxNetwork, network_tensor
from trigpoint.retrieval.task import labelled_task, retrieval_task

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")


def test_recall_is_the_fraction_of_queries_with_a_right_answer():
    positives = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 1, 0, 0]], dtype=bool)
    retrieved = np.array([[0, 1, 2], [0, 1, 2], [0, 1, 2], [3, 1, 0]])
    assert recall_at(retrieved, positives, (1, 2, 3, 10)) == {1: 0.25, 2: 0.5, 3: 0.75, 10: 0.75}


def split_scenes():
    images, labels = scenes()
    query = np.arange(len(labels)) % 5 == 0
    positives = labels[query][:, None] == labels[~query][None]
    parts = [[images[index] for index in np.flatnonzero(side)] for side in (query, ~query)]
    return parts[0], parts[1], positives


def test_scores_of_a_descriptor():
    queries, gallery, positives = split_scenes()
    score = evaluate_descriptor(fit_descriptor("vlad", gallery, 256), queries, gallery, positives)
    assert score.recall[1] >= 0.9 and score.recall_reranked is None and score.rerank_ms is None
    assert score.bytes_per_image == score.dim == 256 and 0 < score.scene_bytes < 5000
    assert json.loads(json.dumps(score.to_json()))["recall"]["1"] == score.recall[1]


class CountingMatcher(MutualNearest):
    calls = 0

    def match(self, first, second):
        self.calls += 1
        return super().match(first, second)


def test_reranking_changes_only_the_first_candidates_and_remembers_pairs():
    queries, gallery, _ = split_scenes()
    matcher = CountingMatcher()
    reranker = Reranker(queries, gallery, matcher, 4)
    retrieved = np.array([9, 3, 1, 0, 7, 2])
    order = reranker.order(0, retrieved)
    assert sorted(order[:4]) == [0, 1, 3, 9] and order[4:].tolist() == [7, 2]
    assert matcher.calls == 4
    assert reranker.order(0, retrieved).tolist() == order.tolist() and matcher.calls == 4
    assert reranker.query_ms() > 0


# Labelled images.


def write_labelled(folder, rows, header="image_path,label,area,split"):
    folder.mkdir(exist_ok=True)
    (folder / "dataset.csv").write_text("\n".join([header, *rows]) + "\n")
    return folder


def test_right_answers_have_the_label_and_the_area(tmp_path):
    rows = ["a.jpg,f1,hall,gallery", "b.jpg,f2,hall,gallery", "c.jpg,f1,hall,query", "d.jpg,f1,lift,query"]
    task = labelled_task(write_labelled(tmp_path / "tower", rows))
    assert task.name == "tower" and task.left_out == 1
    assert task.queries == (tmp_path / "tower" / "c.jpg",) and len(task.gallery) == 2
    assert task.positives.tolist() == [[True, False]]


@pytest.mark.parametrize(
    ("rows", "header", "code"),
    [
        (["a.jpg,f1,hall"], "image_path,label,area", "TP-637"),
        (["a.jpg,f1,hall,test"], "image_path,label,area,split", "TP-637"),
        (["a.jpg,f1"], "image_path,label,area,split", "TP-637"),
        (["a.jpg,f1,hall,gallery"], "image_path,label,area,split", "TP-635"),
        (["a.jpg,f1,hall,query"], "image_path,label,area,split", "TP-635"),
        ([], "", "TP-637"),
    ],
)
def test_bad_lists_of_labels(tmp_path, rows, header, code):
    with pytest.raises(MappingError, match=code):
        labelled_task(write_labelled(tmp_path, rows, header))


def test_lists_that_are_no_text(tmp_path):
    (tmp_path / "dataset.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(MappingError, match="TP-637"):
        labelled_task(tmp_path)


def test_nothing_in_common(tmp_path):
    with pytest.raises(MappingError, match="TP-635"):
        retrieval_task("x", [tmp_path], [tmp_path], np.zeros((1, 1), dtype=bool), tmp_path)


# Networks of the user's.


class Session:
    """Stands for onnxruntime's: means of the channels as a descriptor."""

    output = staticmethod(lambda tensor: tensor.mean(axis=(2, 3)))

    def __init__(self, path, providers):
        if "broken" in path:
            raise RuntimeError("no protobuf")

    def get_inputs(self):
        return [SimpleNamespace(name="image")]

    def run(self, names, feed):
        return [self.output(feed["image"])]


def network_files(tmp_path, text='{"width": 20, "height": 10, "mean": [0.5, 0.5, 0.5], "std": [0.5, 1, 1]}', name="net"):
    (tmp_path / f"{name}.json").write_text(text)
    return tmp_path / f"{name}.onnx"


def test_a_network_sees_the_image_as_its_json_says(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", SimpleNamespace(InferenceSession=Session))
    write_image(tmp_path / "a.png")
    tensor = network_tensor(tmp_path / "a.png", NetworkInput(20, 10, (0.5, 0.5, 0.5), (0.5, 1, 1)))
    assert tensor.shape == (1, 3, 10, 20) and tensor.dtype == np.float32
    expected = np.array([(90 / 255 - 0.5) / 0.5, 120 / 255 - 0.5, 60 / 255 - 0.5])
    assert np.allclose(tensor.mean(axis=(0, 2, 3)), expected, atol=1e-6)
    vector = OnnxNetwork(network_files(tmp_path)).describe(tmp_path / "a.png")
    assert np.allclose(vector.numpy(), expected / np.linalg.norm(expected), atol=1e-6)


@pytest.mark.parametrize("output", [lambda x: np.zeros((2, 3)), lambda x: np.full((1, 3), np.nan), lambda x: 1 / 0])
def test_networks_that_give_no_vector(tmp_path, monkeypatch, output):
    monkeypatch.setitem(sys.modules, "onnxruntime", SimpleNamespace(InferenceSession=Session))
    monkeypatch.setattr(Session, "output", staticmethod(output))
    write_image(tmp_path / "a.png")
    with pytest.raises(MappingError, match="TP-636"):
        OnnxNetwork(network_files(tmp_path)).describe(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("text", "name", "code"),
    [
        ("[]", "net", "TP-636"),
        ("{", "net", "TP-636"),
        ('{"width": 0, "height": 5}', "net", "TP-636"),
        ('{"width": 5, "height": 5, "std": [1, 0, 1]}', "net", "TP-636"),
        ('{"width": 5, "hight": 5}', "net", "TP-701"),
        ('{"width": 5, "height": 5}', "broken", "TP-636"),
    ],
)
def test_networks_that_cannot_be_used(tmp_path, monkeypatch, text, name, code):
    monkeypatch.setitem(sys.modules, "onnxruntime", SimpleNamespace(InferenceSession=Session))
    with pytest.raises((MappingError, ConfigError), match=code):
        OnnxNetwork(network_files(tmp_path, text, name))


def test_without_onnxruntime(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MappingError, match="TP-634"):
        OnnxNetwork(network_files(tmp_path))
    with pytest.raises(MappingError, match="TP-636"):
        OnnxNetwork(tmp_path / "other.onnx")


# The verb.


def test_the_verb_measures_a_room(room, tmp_path, capsys):
    options = ["--short-side-px", "240", "--keypoints", "300", "--dim", "256", "--rerank", "3", "--quiet"]
    saved = tmp_path / "out.json"
    assert run(["retrieval", "evaluate", str(room), *options, "--json", str(saved)]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("vlad", "mean", "gem", "re-ranked"))
    (scene,) = json.loads(saved.read_text())["scenes"]
    assert scene["gallery"] == 24 and 1 <= scene["queries"] <= 6
    scores = {score["descriptor"]: score for score in scene["scores"]}
    assert scores["vlad"]["dim"] == 256 and scores["mean"]["bytes_per_image"] == 64
    assert scores["vlad"]["recall"]["5"] >= 0.6 and 0 <= scores["vlad"]["recall_reranked"]["1"] <= 1


@pytest.mark.parametrize(("option", "value", "code"), [("--descriptors", "vald", "TP-631"), ("--matcher", "x", "TP-631")])
def test_unknown_names_stop_the_verb(room, capsys, option, value, code):
    assert run(["retrieval", "evaluate", str(room), option, value, "--rerank", "1", "--quiet"]) == 2
    assert code in capsys.readouterr().err
