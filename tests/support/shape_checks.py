"""Shapes and types of arrays, compared with the annotations at every call of the modules that name them."""

from __future__ import annotations

import builtins

import jaxtyping
from beartype import BeartypeConf, FrozenDict, beartype
from numpy.typing import ArrayLike

CHECKED = ("trigpoint.core.camera", "trigpoint.core.pose", "trigpoint.localization.pnp", "trigpoint.mapping.reprojection")
NAMES = ("Bool", "Float", "Float32", "Float64", "Int", "Shaped", "UInt8")

# An int is good enough for a float, as type checkers have it. What numpy can make an array of is left to numpy.
checker = beartype(conf=BeartypeConf(is_pep484_tower=True, hint_overrides=FrozenDict({ArrayLike: object})))


def check_shapes() -> None:
    """Check these modules from now on; to be called before they are imported."""
    # The package imports these names for type checkers alone, so that nobody who uses it needs jaxtyping.
    for name in NAMES:
        setattr(builtins, name, getattr(jaxtyping, name))
    jaxtyping.install_import_hook(list(CHECKED), f"{__name__}.checker")
