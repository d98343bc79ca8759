"""The table of local encoders. A new one is a file and a line here; a contract test runs over every entry."""

from __future__ import annotations

from collections.abc import Callable

import torch

from trigpoint.core.errors import ConfigError, did_you_mean
from trigpoint.features.ace import Ace
from trigpoint.features.aliked import Aliked
from trigpoint.features.dedode import Dedode
from trigpoint.features.dense_sift import DenseSift
from trigpoint.features.disk import Disk
from trigpoint.features.local import LocalEncoder
from trigpoint.features.loftr import Loftr
from trigpoint.features.superpoint import SuperPoint
from trigpoint.features.xfeat import XFeatDense, XFeatSparse

ENCODERS: dict[str, Callable[[torch.device], LocalEncoder]] = {
    "xfeat": XFeatSparse,
    "xfeat-dense": XFeatDense,
    "dense-sift": DenseSift,
    "aliked": Aliked,
    "disk": Disk,
    "superpoint": SuperPoint,
    "dedode": Dedode,
    "loftr": Loftr,
    "ace": Ace,
}
# These describe every cell of a grid, and no spot that would be found again in another image to the pixel.
DENSE = ("xfeat-dense", "dense-sift", "loftr", "ace")


def load_encoder(name: str, device: torch.device) -> LocalEncoder:
    """Make a local encoder.

    Raises:
        ConfigError: unknown name (TP-711).
        WeightsError: its weights are missing or wrong.
    """
    if name not in ENCODERS:
        raise ConfigError("TP-711", f"unknown local encoder '{name}'", fix=did_you_mean(name, ENCODERS))
    return ENCODERS[name](device)
