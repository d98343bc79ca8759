"""Images that a map learned must not be taken for new ones: its errors on them say nothing about others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trigpoint.core.errors import ConfigError
from trigpoint.core.scene import Frame
from trigpoint.mapping.learned_images import LearnedImages


def learned_names(frames: Sequence[Frame], learned: LearnedImages) -> frozenset[str]:
    """The names of those images that a map learned, under whatever name."""
    return frozenset(frame.name for frame in frames if learned.knows(frame))


def refuse_learned(frames: Sequence[Frame], learned: LearnedImages, where: Path) -> None:
    """Refuse test images that a map learned.

    Args:
        frames: the test images.
        learned: the images of the map.
        where: the scene, for errors.

    Raises:
        ConfigError: TP-765.
    """
    names = sorted(learned_names(frames, learned))
    if names:
        raise ConfigError(
            "TP-765",
            f"{len(names)} of {len(frames)} test images are images that the map learned (first: {names[0]}): errors on them"
            " say nothing about other images",
            where=where,
            fix="Evaluate with the hold-out rule of the map, or map again with the rule: 'trigpoint map SCENE --holdout"
            " every:8:0'. --split train or all measures learned images, and says so.",
        )


def learned_text(learned: int, images: int) -> str:
    """What to say about an evaluation with images that the map learned."""
    return f"{learned} of these {images} images were learned by the map: errors on them say nothing about other images"
