"""The table of local encoders. A new one is a file and a line here, or an entry point of another package.

A contract test runs over every entry of the table.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from trigpoint.core.errors import ConfigError, did_you_mean
from trigpoint.core.plugins import load_plugin, plugin_names
from trigpoint.features.ace import Ace
from trigpoint.features.aliked import Aliked
from trigpoint.features.dedode import Dedode
from trigpoint.features.dense_sift import DenseSift
from trigpoint.features.disk import Disk
from trigpoint.features.local import LocalEncoder
from trigpoint.features.loftr import Loftr
from trigpoint.features.superpoint import SuperPoint
from trigpoint.features.xfeat import XFeatDense, XFeatSparse

# A class whose attribute ``dense`` tells, before any weights are loaded, what ``LocalEncoder.dense`` tells of an object.
EncoderClass = Callable[[torch.device], LocalEncoder]

ENCODERS: dict[str, EncoderClass] = {
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
# Entry points of this group are classes like those above, by the name that ``features.encoder`` gives them.
PLUGINS = "trigpoint.encoders"


def encoder_class(name: str) -> EncoderClass:
    """The class of a local encoder, ours or another package's.

    Raises:
        ConfigError: unknown name (TP-711), a package that cannot be loaded (TP-720), or no such class in it (TP-725).
    """
    if name in ENCODERS:
        return ENCODERS[name]
    others = plugin_names(PLUGINS)
    if name not in others:
        raise ConfigError("TP-711", f"unknown local encoder '{name}'", fix=did_you_mean(name, [*ENCODERS, *others]))
    plugin = load_plugin(PLUGINS, name)
    if not isinstance(plugin, type) or not isinstance(getattr(plugin, "dense", None), bool):
        raise ConfigError(
            "TP-725",
            f"'{name}' is no local encoder: it must be a class, made with a device, that has the attribute 'dense'",
            where=PLUGINS,
            fix="Mend its package: see LocalEncoder in the documentation of encoders.",
        )
    return plugin


def is_dense(name: str) -> bool:
    """Whether an encoder describes every cell of a grid, see ``LocalEncoder.dense``. Raises as ``encoder_class``."""
    return getattr(encoder_class(name), "dense")  # noqa: B009 - callables in general have no such attribute


def load_encoder(name: str, device: torch.device) -> LocalEncoder:
    """Make a local encoder.

    Raises:
        ConfigError: as ``encoder_class``.
        WeightsError: its weights are missing or wrong.
    """
    return encoder_class(name)(device)
