"""Graded labels from overlaps and from the tables of MSLS; the lists that are drawn from them."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from scipy import sparse
from support.supergf_images import LISTS, walk_overlap, walks

from trigpoint.cli import run
from trigpoint.core.errors import ConfigError, MappingError
from trigpoint.core.interrupt import Interrupted
from trigpoint.retrieval.supergf.config import ListConfig
from trigpoint.retrieval.supergf.labels import check_labels, labels_from_overlaps
from trigpoint.retrieval.supergf.msls import read_city, sector_overlap
from trigpoint.retrieval.supergf.sampling import ListSampler


def dense(labels):
    return np.asarray(labels.pairs.todense())


def test_scenes_are_blocks_and_both_directions_count():
    one_way = np.array([[0.3, 0.8], [0.4, 1.0]])
    labels = labels_from_overlaps([one_way, sparse.csr_array(walk_overlap(3))])
    assert dense(labels)[:2, :2].tolist() == pytest.approx(np.array([[0, 0.6], [0.6, 0]]))
    assert labels.scene.tolist() == [0, 0, 1, 1, 1]
    assert not dense(labels)[:2, 2:].any() and not dense(labels)[2:, :2].any()
    assert labels.of(np.array([1, 4]), np.array([0, 3])) == pytest.approx(np.array([[0.6, 0], [0, 0.75]]))


def test_small_overlaps_can_be_ignored():
    assert dense(labels_from_overlaps([walk_overlap(5)], ignore_below=0.3)).tolist() == pytest.approx(
        np.where(walk_overlap(5) >= 0.3, walk_overlap(5), 0) - np.eye(5)
    )


@pytest.mark.parametrize("overlap", [np.zeros((2, 3)), np.full((2, 2), 1.5), np.full((2, 2), -0.1), np.full((2, 2), np.nan)])
def test_impossible_overlaps(overlap):
    with pytest.raises(MappingError) as caught:
        labels_from_overlaps([overlap])
    assert caught.value.code == "TP-643"


def test_no_overlaps_at_all():
    with pytest.raises(MappingError, match="TP-643"):
        labels_from_overlaps([])


def test_queries_need_a_positive():
    labels = labels_from_overlaps([walk_overlap(6), np.zeros((3, 3))])
    assert check_labels(labels, 0.5).tolist() == list(range(6))
    with pytest.raises(MappingError) as caught:
        check_labels(labels, 0.9)
    assert caught.value.code == "TP-644"


@pytest.mark.parametrize("config", [LISTS, replace(LISTS, negatives=1000), replace(LISTS, negatives_from="scene")])
def test_lists_hold_what_they_should(config):
    labels = walks(12, 15)
    sampler = ListSampler(labels, config, seed=1)
    for step in range(5):
        lists = sampler.draw(step)
        assert len(np.unique(lists.images)) == len(lists.images) and len(lists.queries) == config.queries
        assert lists.labels == pytest.approx(dense(labels)[np.ix_(lists.images[lists.queries], lists.images)])
        for row, query in enumerate(lists.images[lists.queries]):
            chosen, values = lists.images[lists.member[row]], lists.labels[row][lists.member[row]]
            assert query not in chosen
            assert (values >= 0.5).sum() == 1
            assert ((values > 0) & (values < 0.5)).sum() == min(
                2, ((dense(labels)[query] % 1 > 0) & (dense(labels)[query] < 0.5)).sum()
            )
            unrelated = dense(labels)[query] == 0
            if config.negatives_from == "scene":
                unrelated &= labels.scene == labels.scene[query]
                assert (labels.scene[chosen] == labels.scene[query]).all()
            unrelated[query] = False
            assert (values == 0).sum() == min(config.negatives, unrelated.sum())


def test_defaults_are_those_of_the_paper():
    config = ListConfig()
    assert (config.queries, config.positives, config.soft_negatives, config.negatives) == (4, 1, 2, 100)


def test_shared_lists_rank_everything():
    labels = walks(12, 15)
    lists = ListSampler(labels, replace(LISTS, shared=True), seed=1).draw(3)
    count = len(lists.images)
    assert len(lists.queries) == count and (lists.member == ~np.eye(count, dtype=bool)).all()
    assert lists.labels == pytest.approx(dense(labels)[np.ix_(lists.images, lists.images)])


def test_queries_from_few_scenes():
    labels = walks(8, 8, 8, 8)
    sampler = ListSampler(labels, replace(LISTS, scenes=2), seed=0)
    drawn = [set(labels.scene[lists.images[lists.queries]].tolist()) for lists in map(sampler.draw, range(20))]
    assert max(map(len, drawn)) == 2 and set().union(*drawn) == {0, 1, 2, 3}


def test_steps_depend_on_seed_and_number_only():
    labels = walks(12, 15)
    first, again = (ListSampler(labels, LISTS, seed=1) for _ in range(2))
    first.draw(0)
    assert (first.draw(7).images == again.draw(7).images).all()
    assert not np.array_equal(first.draw(7).images, ListSampler(labels, LISTS, seed=2).draw(7).images)
    assert not np.array_equal(first.draw(7).images, first.draw(8).images)


@pytest.mark.parametrize("change", [{"queries": 0}, {"negatives": -1}, {"negatives_from": "city"}, {"positive_label": 0.0}])
def test_impossible_lists(change):
    with pytest.raises(ConfigError, match="TP-702"):
        replace(LISTS, **change)


def polygon(position, heading):
    angles = np.deg2rad(heading + np.linspace(-45, 45, 200))
    arc = position + 50 * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    return np.vstack([position, arc]).astype(np.float32)


@pytest.mark.parametrize("seed", range(6))
def test_sector_overlap_is_that_of_polygons(seed):
    rng = np.random.default_rng(seed)
    positions, headings = rng.uniform(-30, 30, (2, 2)), rng.uniform(0, 360, 2)
    if seed % 2:
        headings[1] = headings[0] + rng.uniform(-40, 40)
    common = cv2.intersectConvexConvex(polygon(positions[0], headings[0]), polygon(positions[1], headings[1]))[0]
    area = np.pi * 50**2 / 4
    # UTM coordinates are large.
    found = sector_overlap(positions + np.array([6.2e5, 5.7e6]), headings).todense()
    assert found[0, 1] == pytest.approx(common / (2 * area - common), abs=0.012)
    assert found[0, 1] == found[1, 0]


def test_sectors_of_known_overlap():
    positions = np.array([[0, 0], [0, 0], [0, 0], [0, 30], [500, 0]], dtype=float)
    found = sector_overlap(positions, np.array([0, 0, 90, 180, 0], dtype=float)).todense()
    assert found[0, 1] == pytest.approx(1)
    assert found[0, 2] == 0 and not found[4].any() and not np.diag(found).any()
    assert found[0, 3] > 0.1
    turned = sector_overlap(np.zeros((2, 2)), np.array([350.0, 35.0])).todense()
    assert turned[0, 1] == pytest.approx(45 / 135, abs=0.01)


POSTPROCESSED = ",key,easting,northing,unique_cluster,night,control_panel,view_direction\n"
RAW = ",key,lon,lat,ca,captured_at,pano\n"


def write_city(folder):
    for part, keys in (("query", "ab"), ("database", "cdef")):
        (folder / part / "images").mkdir(parents=True)
        scenes, headings = [POSTPROCESSED], [RAW]
        for index, key in enumerate(keys):
            scenes.append(f"{index},{key},{620000 + 10 * index},{5700000.5},0,False,False,Forward\n")
            headings.append(f"{index},{key},10.1,53.5,{5 * index},2019-01-01,{key == 'e'}\n")
            if key != "f":
                (folder / part / "images" / f"{key}.jpg").write_bytes(b"")
        (folder / part / "postprocessed.csv").write_text("".join(scenes))
        (folder / part / "raw.csv").write_text("".join(headings))
    return folder


def test_city_is_read_without_panoramas_and_missing_images(tmp_path):
    city = read_city(write_city(tmp_path))
    assert [path.stem for path in city.paths] == ["a", "b", "c", "d"]
    assert city.position_m.tolist() == [[620000, 5700000.5], [620010, 5700000.5]] * 2
    assert city.heading_deg.tolist() == [0, 5, 0, 5]
    labels = labels_from_overlaps([city.overlap()])
    assert dense(labels)[0, 2] == pytest.approx(1) and 0.5 < dense(labels)[0, 1] < 0.9
    assert len(read_city(tmp_path, ["query"]).paths) == 2


@pytest.mark.parametrize("damage", ["missing", "column", "number", "infinite", "bytes"])
def test_damaged_tables(tmp_path, damage):
    path = write_city(tmp_path) / "query" / "postprocessed.csv"
    text = path.read_text()
    if damage == "missing":
        path.unlink()
    elif damage == "column":
        path.write_text(text.replace("northing", "n"))
    elif damage == "bytes":
        path.write_bytes(b"\xff\xfe" + text.encode())
    else:
        path.write_text(text.replace("620000", {"number": "x", "infinite": "inf"}[damage]))
    with pytest.raises(MappingError) as caught:
        read_city(tmp_path)
    assert caught.value.code == "TP-645" and "query" in str(caught.value)


def test_city_without_images(tmp_path):
    for path in write_city(tmp_path).rglob("*.jpg"):
        path.unlink()
    with pytest.raises(MappingError) as caught:
        read_city(tmp_path)
    assert caught.value.code == "TP-646"


def test_the_verb_learns_from_a_city(tmp_path, monkeypatch):
    asked = {}

    def train_aggregator(data, output, **options):
        asked.update(paths=data.paths, labels=data.labels)
        return SimpleNamespace(path=output, bytes=1, seconds={})

    monkeypatch.setattr("trigpoint.retrieval.supergf.build.train_aggregator", train_aggregator)
    assert run(["retrieval", "train", str(write_city(tmp_path / "trondheim")), "-o", str(tmp_path / "a"), "--quiet"]) == 0
    assert [path.stem for path in asked["paths"]] == ["a", "b", "c", "d"]
    assert dense(asked["labels"])[0, 2] == pytest.approx(1)


def test_the_verb_stops_the_training_on_a_signal(tmp_path, monkeypatch):
    """After the step in hand and a checkpoint, not somewhere in the middle."""

    def train_aggregator(*_, control, **options):
        os.kill(os.getpid(), signal.SIGTERM)
        assert control.stop
        raise Interrupted

    monkeypatch.setattr("trigpoint.retrieval.supergf.build.train_aggregator", train_aggregator)
    assert run(["retrieval", "train", str(write_city(tmp_path / "trondheim")), "-o", str(tmp_path / "a"), "--quiet"]) == 130
