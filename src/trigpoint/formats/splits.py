"""Splits of a scene, and hold-out rules: the images for testing where the format has no split or the user wants another."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from trigpoint.core.errors import ConfigError, did_you_mean
from trigpoint.core.scene import TEST, TRAIN, Frame, Problem, Scene

Split = Literal["test", "train", "all"]
_FORMS = "every:N:K, blocks:A-B,C-D or sequence:NAME,NAME"


@dataclass(frozen=True)
class EveryNth:
    """Of each ``count`` images the one with index ``index`` is for testing.

    Raises:
        ConfigError: fewer than two images, or an index beyond them (TP-716).
    """

    count: int
    index: int

    def __post_init__(self) -> None:
        if self.count < 2 or not 0 <= self.index < self.count:
            raise ConfigError(
                "TP-716", f"--holdout {self}: N must be 2 or more and K less than N", fix="Give e.g. every:8:0."
            )

    def __str__(self) -> str:
        return f"every:{self.count}:{self.index}"

    def test_names(self, scene: Scene) -> set[str]:
        """Names of the images for testing, of those with a pose."""
        return {frame.name for frame in _by_name(scene)[self.index :: self.count]}


@dataclass(frozen=True)
class Blocks:
    """Runs of images are for testing: the indices (first, last) of each run, both included.

    Raises:
        ConfigError: a run that ends before it begins (TP-716).
    """

    runs: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        if any(not 0 <= first <= last for first, last in self.runs):
            raise ConfigError(
                "TP-716", f"--holdout {self}: a block ends before it begins", fix="Give the smaller index first."
            )

    def __str__(self) -> str:
        return "blocks:" + ",".join(f"{first}-{last}" for first, last in self.runs)

    def test_names(self, scene: Scene) -> set[str]:
        """As ``EveryNth.test_names``. Raises ConfigError TP-717 for a run beyond the last image."""
        posed = _by_name(scene)
        last = max((run[1] for run in self.runs), default=-1)
        if last >= len(posed):
            raise ConfigError(
                "TP-717",
                f"--holdout {self}: there is no image {last}",
                where=scene.root,
                fix=f"The {len(posed)} images with a pose have the indices 0 to {len(posed) - 1}.",
            )
        return {frame.name for first, last in self.runs for frame in posed[first : last + 1]}


@dataclass(frozen=True)
class Sequences:
    """The images of some sequences are for testing."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return "sequence:" + ",".join(self.names)

    def test_names(self, scene: Scene) -> set[str]:
        """As ``EveryNth.test_names``. Raises ConfigError TP-718 for an unknown sequence."""
        posed = scene.posed()
        known = {frame.sequence for frame in posed} - {""}
        unknown = next((name for name in self.names if name not in known), None)
        if unknown is not None:
            fix = did_you_mean(unknown, known) if known else "This scene has only one sequence: use every:N:K."
            raise ConfigError("TP-718", f"--holdout: unknown sequence '{unknown}'", where=scene.root, fix=fix)
        return {frame.name for frame in posed if frame.sequence in self.names}


# A rule that says which images are for testing; ``parse_holdout(str(rule))`` gives an equal value.
Holdout = EveryNth | Blocks | Sequences


def parse_holdout(text: str) -> Holdout:
    """Read ``every:N:K``, ``blocks:A-B,C-D`` or ``sequence:NAME,NAME``.

    Raises:
        ConfigError: not such a rule (TP-715); numbers that make no sense (TP-716).
    """
    kind, _, rest = text.strip().partition(":")
    if kind == "every" and (match := re.fullmatch(r"(\d{1,9}):(\d{1,9})", rest)):
        return EveryNth(int(match[1]), int(match[2]))
    if kind == "blocks" and re.fullmatch(r"\d{1,9}-\d{1,9}(,\d{1,9}-\d{1,9})*", rest):
        pairs = [part.split("-") for part in rest.split(",")]
        return Blocks(tuple((int(first), int(last)) for first, last in pairs))
    names = tuple(name.strip() for name in rest.split(","))
    if kind == "sequence" and all(names):
        return Sequences(names)
    kinds = ("every", "blocks", "sequence")
    hint = "" if kind in kinds else did_you_mean(kind, kinds).split("Known")[0]
    raise ConfigError("TP-715", f"--holdout {text!r} is not a rule", fix=f"{hint}Give {_FORMS}.")


def apply_holdout(scene: Scene, holdout: Holdout) -> Scene:
    """The scene with ``split`` set by the rule: ``"test"`` where it holds, ``"train"`` elsewhere, as it was without a pose.

    Rules count over the posed images sorted by name. ``Scene.holdout`` remembers the rule.

    Raises:
        ConfigError: blocks beyond the last image (TP-717), unknown sequence (TP-718), no image left for training or for
            testing (TP-719).
    """
    test_names = holdout.test_names(scene)
    count = len(scene.posed())
    if not test_names or len(test_names) == count:
        side = "testing" if not test_names else "training"
        raise ConfigError(
            "TP-719",
            f"--holdout {holdout} leaves none of the {count} images for {side}",
            where=scene.root,
            fix="Hold out some images, not all.",
        )
    split = scene.with_frames(replace(frame, split=_split(frame, test_names)) for frame in scene.frames)
    return replace(split, holdout=str(holdout))


# What is held out of a scene without a split where a comparison needs one.
_DEFAULT = EveryNth(8, 0)


def with_test_images(scene: Scene) -> Scene:
    """The scene; if none of its posed images is for testing, every eighth is held out, and a note in ``problems`` says so.

    Raises:
        ConfigError: there are fewer than two posed images (TP-719).
    """
    if scene.subset(TEST).posed():
        return scene
    split = apply_holdout(scene, _DEFAULT)
    note = Problem("note", f"This scene has no test images: every eighth is held out, as with --holdout {_DEFAULT}.")
    return replace(split, problems=(*scene.problems, note))


def chosen_split(scene: Scene, split: Split) -> Scene:
    """The images held out (``"test"``), those that are mapped (``"train"``), or all."""
    if split == "all":
        return scene
    return scene.with_frames(scene.for_mapping()) if split == "train" else scene.subset(TEST)


def _by_name(scene: Scene) -> list[Frame]:
    return sorted(scene.posed(), key=lambda frame: frame.name)


def _split(frame: Frame, test_names: set[str]) -> str | None:
    # Queries whose poses the organisers of a benchmark keep stay queries.
    if frame.cam_from_world is None:
        return frame.split
    return TEST if frame.name in test_names else TRAIN
