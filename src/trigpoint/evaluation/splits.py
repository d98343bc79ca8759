"""The images of a scene that a map is evaluated on."""

from __future__ import annotations

from trigpoint.core.errors import ConfigError
from trigpoint.core.scene import Frame, Scene
from trigpoint.formats.splits import Split, apply_holdout, chosen_split, parse_holdout
from trigpoint.mapping.scene_map import SceneMap


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
        raise ConfigError(
            "TP-724",
            f"the {split} split of this scene has no images",
            where=scene.root,
            fix="Give --holdout every:8:0, or --split all.",
        )
    return frames
