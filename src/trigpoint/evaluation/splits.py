"""The images of a scene that a map is evaluated on."""

from __future__ import annotations

from trigpoint.core.errors import ConfigError
from trigpoint.core.scene import Frame, Scene
from trigpoint.formats.conventions import read_poses_as
from trigpoint.formats.splits import Split, apply_holdout, chosen_split, parse_holdout
from trigpoint.mapping.scene_map import SceneMap


def read_as_map(scene: Scene, scene_map: SceneMap, *, split: bool = True) -> Scene:
    """A scene that was just read, with its poses in the convention that its map was made with, and split as its map.

    A convention was named for the format of the map's scene: it does not hold for others. Without ``split`` all images stay
    as they are.

    Raises:
        ConfigError: as ``split_as_map``.
    """
    built = scene_map.built_from
    convention = built.get("poses")
    if convention is not None and scene.poses is None and scene.format == built["format"]:
        scene = read_poses_as(scene, convention)
    return split_as_map(scene, scene_map) if split else scene


def split_as_map(scene: Scene, scene_map: SceneMap) -> Scene:
    """The scene split by the hold-out rule that its map was made with.

    A scene that was opened with a rule of its own, and one whose map keeps none, stay as they are.

    Raises:
        ConfigError: the rule does not fit the scene (TP-717 to TP-719): it is another scene than the map's.
    """
    rule = scene_map.built_from["holdout"]
    return scene if scene.holdout is not None or not rule else apply_holdout(scene, parse_holdout(rule))


def split_frames(scene: Scene, split: Split) -> tuple[Frame, ...]:
    """The posed images of one split, as ``chosen_split``.

    Raises:
        ConfigError: there are none (TP-724).
    """
    frames = chosen_split(scene, split).posed()
    if not frames:
        raise no_images(scene, split, "Choose another --split, or which images are held out: --holdout every:8:0.")
    return frames


def no_images(scene: Scene, split: Split, fix: str) -> ConfigError:
    """The error that a split has no images (TP-724), with what to do."""
    return ConfigError("TP-724", f"the {split} split of this scene has no images", where=scene.root, fix=fix)
