"""What the verbs ``map`` and ``info`` say about a map, as blocks and as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trigpoint.core.config import to_json
from trigpoint.localization.verdict import misled_in_words
from trigpoint.mapping.acceptance import Acceptance, ValidationImages
from trigpoint.mapping.scene_map import SceneMap, map_bytes
from trigpoint.report.blocks import Block, Fact, Facts, Table, Text
from trigpoint.report.formatting import angle, data_size, length


def map_blocks(scene_map: SceneMap, path: Path) -> list[Block]:
    """Everything about a map file."""
    built = scene_map.built_from
    rule = f" by {built['holdout']}" if built["holdout"] else ""
    facts = [
        Fact("map", f"{path.name}, {data_size(path.stat().st_size)}, id {scene_map.map_id}"),
        Fact("preset", scene_map.config.preset),
        Fact("features", scene_map.config.features.encoder),
        Fact("images", f"{built['images']} of '{built['scene']}' ({built['format']})"),
        *([Fact("held out", f"{built['held_out']} images{rule}")] if built["held_out"] else []),
        *([Fact("poses", f"read as {built['poses']}")] if built.get("poses") else []),
        Fact("unit", "metre" if scene_map.metric else "unknown length"),
        *content_facts(scene_map),
    ]
    return [
        Facts(facts),
        *(Text(f"warning: {text}") for text in warnings(scene_map)),
        *_negatives(scene_map.acceptance),
        _sections(path),
    ]


def map_document(scene_map: SceneMap, path: Path) -> dict[str, Any]:
    """The same as plain values for JSON."""
    return {
        "map_id": scene_map.map_id,
        "preset": scene_map.config.preset,
        "encoder": scene_map.config.features.encoder,
        "weights_sha256": scene_map.weights_sha256,
        "units": scene_map.units,
        "built_from": {key: value for key, value in scene_map.built_from.items() if key != "learned_images"},
        "sources": {name: source.facts() for name, source in scene_map.sources.items()},
        "acceptance": to_json(scene_map.acceptance),
        "warnings": warnings(scene_map),
        "config": to_json(scene_map.config),
        "bytes": map_bytes(path),
        "total_bytes": path.stat().st_size,
    }


def content_facts(scene_map: SceneMap) -> list[Fact]:
    """What was learned, which images the map accepts, and how it localizes images that it did not learn."""
    acceptance = scene_map.acceptance
    bound = f"images with more than {acceptance.noise_inlier_ratio:.1%} inliers"
    facts = [
        *(Fact(name, source.summary()) for name, source in scene_map.sources.items()),
        Fact("seed", str(scene_map.built_from["seed"])),
        Fact("accepts", f"{bound}; mapping images typically have {acceptance.typical_inlier_ratio:.0%}"),
    ]
    unknown = "mapping images, each hidden from the search" if scene_map.can_forget else "images that were not learned"
    if acceptance.validation is not None:
        facts.append(Fact("validation", _found_in_words(acceptance.validation, unknown, scene_map.units)))
    if acceptance.mapping is not None:
        facts.append(Fact("own images", _found_in_words(acceptance.mapping, "mapping images", scene_map.units)))
    return facts


def warnings(scene_map: SceneMap) -> list[str]:
    """What the owner of a map should know that explains nothing, or that cannot place its own images."""
    wrong = scene_map.built_from.get("pose_warning")
    told = [f"when this map was made, {wrong}."] if wrong else []
    return [*told, *_of_acceptance(scene_map.acceptance)]


def _of_acceptance(acceptance: Acceptance) -> list[str]:
    why = "Poses or cameras may be wrong ('trigpoint info SCENE' checks them), the images may overlap too little"
    network = "or the network cannot learn the scene: try the preset hierarchical."
    if acceptance.misled is not None:
        told = f"this map will reject every image: {misled_in_words(acceptance.misled)}. {why}, places may look alike,"
        return [f"{told} {network}"]
    if acceptance.images and acceptance.typical_inlier_ratio <= acceptance.noise_inlier_ratio:
        return [
            "this map will hardly accept any image: its own images have only"
            f" {acceptance.typical_inlier_ratio:.1%} inliers, and images out of the map reach"
            f" {acceptance.noise_inlier_ratio:.1%}. {why}, or the training was too short."
        ]
    if acceptance.lost is not None:
        counted = f"of {acceptance.lost.images} images of its scene it is sure of {acceptance.lost.accepted}"
        return [f"this map will reject most images: {counted}. {why}, {network}"]
    return []


def _found_in_words(found: ValidationImages, kind: str, units: str) -> str:
    error = "most got no pose"
    if found.error is not None:
        error = f"median error {length(found.error, units)}, {angle(found.rotation_error_deg)}"
    wrong = f", {found.wrong} of them wrong" if found.wrong else ""
    return f"{found.accepted} of {found.images} {kind}, accepted{wrong}; {error}"


def _negatives(acceptance: Acceptance) -> list[Table]:
    """The inlier ratios of images out of the map, by kind."""
    rows = [
        (
            negatives.kind + ("" if negatives.counted else " (not counted: the scene looks the same in a mirror)"),
            str(negatives.images),
            f"{negatives.median_inlier_ratio:.1%}",
            f"{negatives.largest_inlier_ratio:.1%}",
            f"{negatives.bound:.1%}",
        )
        for negatives in acceptance.negatives
    ]
    header = ("negatives", "images", "median inlier ratio", "largest", "99 % stay below")
    return [Table(header, rows)] if rows else []


def _sections(path: Path) -> Table:
    sizes = map_bytes(path)
    rows = [(name, f"{size:,}") for name, size in [*sizes.items(), ("in total", sum(sizes.values()))]]
    return Table(("part", "bytes"), rows)
