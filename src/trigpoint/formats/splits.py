"""Which images are held out for testing, where the format does not say or the user decides."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from trigpoint.core.errors import ConfigError, did_you_mean
from trigpoint.core.scene import TEST, TRAIN, Frame, Scene

EVERY, BLOCKS, SEQUENCE = "every", "blocks", "sequence"
_FORMS = "every:N:K, blocks:A-B,C-D or sequence:NAME,NAME"


@dataclass(frozen=True)
class Holdout:
    """A rule that says which images are for testing. Counts go over the posed images sorted by name.

    Attributes:
        text: the rule as it was given, such as ``"every:8:0"``; ``parse_holdout(text)`` gives an equal value.
        kind: ``"every"``, ``"blocks"`` or ``"sequence"``.
        every: (N, K): of each N images the one with index K is for testing.
        blocks: (first, last) indices, both included, of the runs of images for testing.
        sequences: names of the sequences for testing.
    """

    text: str
    kind: str
    every: tuple[int, int] = (0, 0)
    blocks: tuple[tuple[int, int], ...] = ()
    sequences: tuple[str, ...] = ()


def parse_holdout(text: str) -> Holdout:
    """Read ``every:N:K``, ``blocks:A-B,C-D`` or ``sequence:NAME,NAME``.

    Raises:
        ConfigError: not such a rule (TP-715); numbers that make no sense (TP-716).
    """
    kind, _, rest = text.strip().partition(":")
    if kind == EVERY and (match := re.fullmatch(r"(\d{1,9}):(\d{1,9})", rest)):
        count, index = int(match[1]), int(match[2])
        if count < 2 or index >= count:
            raise ConfigError(
                "TP-716", f"--holdout {text}: N must be 2 or more and K less than N", fix="Give e.g. every:8:0."
            )
        return Holdout(text.strip(), EVERY, every=(count, index))
    if kind == BLOCKS and re.fullmatch(r"\d{1,9}-\d{1,9}(,\d{1,9}-\d{1,9})*", rest):
        pairs = [part.split("-") for part in rest.split(",")]
        blocks = tuple((int(first), int(last)) for first, last in pairs)
        if any(first > last for first, last in blocks):
            raise ConfigError(
                "TP-716", f"--holdout {text}: a block ends before it begins", fix="Give the smaller index first."
            )
        return Holdout(text.strip(), BLOCKS, blocks=blocks)
    names = tuple(name.strip() for name in rest.split(","))
    if kind == SEQUENCE and all(names):
        return Holdout(text.strip(), SEQUENCE, sequences=names)
    hint = did_you_mean(kind, (EVERY, BLOCKS, SEQUENCE)).split("Known")[0] if kind not in (EVERY, BLOCKS, SEQUENCE) else ""
    raise ConfigError("TP-715", f"--holdout {text!r} is not a rule", fix=f"{hint}Give {_FORMS}.")


def apply_holdout(scene: Scene, holdout: Holdout) -> Scene:
    """The scene with ``split`` set by the rule: ``"test"`` where it holds, ``"train"`` elsewhere, as it was without a pose.

    ``Scene.holdout`` remembers the rule.
    Raises:
        ConfigError: blocks beyond the last image (TP-717), unknown sequence (TP-718), no image left for training or for
            testing (TP-719).
    """
    posed = sorted(scene.posed(), key=lambda frame: frame.name)
    tested = _tested(posed, holdout, scene)
    if not tested or len(tested) == len(posed):
        side = "testing" if not tested else "training"
        raise ConfigError(
            "TP-719",
            f"--holdout {holdout.text} leaves none of the {len(posed)} images for {side}",
            where=scene.root,
            fix="Hold out some images, not all.",
        )
    split = scene.with_frames(replace(frame, split=_split(frame, tested)) for frame in scene.frames)
    return replace(split, holdout=holdout.text)


def _split(frame: Frame, tested: set[str]) -> str | None:
    # Queries whose poses the organisers of a benchmark keep stay queries.
    if frame.cam_from_world is None:
        return frame.split
    return TEST if frame.name in tested else TRAIN


def _tested(posed: list[Frame], holdout: Holdout, scene: Scene) -> set[str]:
    if holdout.kind == EVERY:
        count, index = holdout.every
        return {frame.name for frame in posed[index::count]}
    if holdout.kind == BLOCKS:
        last = max(block[1] for block in holdout.blocks)
        if last >= len(posed):
            raise ConfigError(
                "TP-717",
                f"--holdout {holdout.text}: there is no image {last}",
                where=scene.root,
                fix=f"The {len(posed)} images with a pose have the indices 0 to {len(posed) - 1}.",
            )
        return {frame.name for first, last in holdout.blocks for frame in posed[first : last + 1]}
    known = {frame.sequence for frame in posed} - {""}
    unknown = [name for name in holdout.sequences if name not in known]
    if unknown:
        fix = did_you_mean(unknown[0], known) if known else "This scene has only one sequence: use every:N:K."
        raise ConfigError("TP-718", f"--holdout: unknown sequence '{unknown[0]}'", where=scene.root, fix=fix)
    return {frame.name for frame in posed if frame.sequence in holdout.sequences}
