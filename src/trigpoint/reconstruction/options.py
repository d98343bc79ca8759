"""What a reconstruction may be told."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Literal, get_args

from trigpoint.core.errors import SceneError

CameraSharing = Literal["auto", "shared", "per-image"]
Mapper = Literal["auto", "global", "incremental"]
PairRule = Literal["auto", "exhaustive", "neighbours"]


@dataclass(frozen=True)
class ReconstructionOptions:
    """How to reconstruct.

    Attributes:
        camera: auto: images of one size, camera and focal length (by EXIF) share their intrinsics; shared: all images of
            one size do; per-image: none do.
        mapper: global, incremental, or auto: incremental as well if global registers clearly fewer images than it could.
        pairs: which images are compared. exhaustive: all with all (up to 150 images the default); neighbours: those near in
            the order of names, by looks and by GPS.
        frames: number of frames to choose from a video.
        every: seconds between the frames chosen from a video; 0.5 if not given.
        scale_distance: names of two images and the distance between their cameras, m; makes the scene metric.
        gps: take scale and orientation from the GPS positions of the images; makes the scene metric.
        seed: seed of every random number.
        threads: CPU threads; 0: all that the process may use.
        skip_invalid: leave out images that cannot be used instead of stopping at them.

    Raises:
        SceneError: values that make no sense (TP-259).
    """

    camera: CameraSharing = "auto"
    mapper: Mapper = "auto"
    pairs: PairRule = "auto"
    frames: int | None = None
    every: float | None = None
    scale_distance: tuple[str, str, float] | None = None
    gps: bool = False
    seed: int = 0
    threads: int = 0
    skip_invalid: bool = False

    def __post_init__(self) -> None:
        for name, kind in (("camera", CameraSharing), ("mapper", Mapper), ("pairs", PairRule)):
            known = get_args(kind)
            if getattr(self, name) not in known:
                _refuse(name, f"'{getattr(self, name)}'", f"Known: {', '.join(known)}.")
        if self.frames is not None and self.every is not None:
            _refuse("frames", "given together with every", "Give one of the two.")
        if self.frames is not None and self.frames < 3:
            _refuse("frames", str(self.frames), "Three images or more are needed.")
        if self.every is not None and not 0 < self.every < math.inf:
            _refuse("every", f"{self.every:g}", "Give seconds, more than 0.")
        if self.threads < 0:
            _refuse("threads", str(self.threads), "Give 1 or more, or 0 for all.")
        if self.scale_distance is not None:
            self._check_scale(*self.scale_distance)

    def _check_scale(self, first: str, second: str, metres: float) -> None:
        if self.gps:
            _refuse("scale-distance", "given together with gps", "Give one of the two.")
        if not 0 < metres < math.inf:
            _refuse("scale-distance", f"{metres:g} m", "Give the distance in metres, more than 0.")
        if first == second:
            _refuse("scale-distance", f"twice the image {first}", "Name two images.")

    @property
    def thread_count(self) -> int:
        """Threads to use, 1 or more."""
        return self.threads or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else self.threads or 1

    def colmap_seed(self, purpose: str) -> int:
        """A seed that fits pycolmap's 31 bits, for one purpose."""
        from trigpoint.core.randomness import derived_seed

        return derived_seed(self.seed, "reconstruction", purpose) % (1 << 31)


def _refuse(name: str, value: str, fix: str) -> None:
    raise SceneError("TP-259", f"the option {name} cannot be used: {value}", where=f"--{name}", fix=fix)
