"""trigpoint learns a scene from images, then tells for any new image where the camera stood.

    import trigpoint as tp

    scene = tp.open_scene("kitchen/")
    tp.build_map(scene, "kitchen.trig")
    localizer = tp.Localizer.load("kitchen.trig")
    result = localizer.localize("image.jpg")

Names are loaded when they are first used, so that importing the package is quick and touches no global state.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

from trigpoint._version import __version__ as __version__

if TYPE_CHECKING:
    from trigpoint.build.pipeline import build_map as build_map
    from trigpoint.core.camera import Camera as Camera
    from trigpoint.core.errors import TrigpointError as TrigpointError
    from trigpoint.core.localization import Localization as Localization
    from trigpoint.core.pose import Pose as Pose
    from trigpoint.core.scene import Frame as Frame
    from trigpoint.core.scene import Scene as Scene
    from trigpoint.evaluation.evaluate import evaluate as evaluate
    from trigpoint.evaluation.metrics import Threshold as Threshold
    from trigpoint.formats.readers import open_scene as open_scene
    from trigpoint.localization.correspondences import Correspondences as Correspondences
    from trigpoint.localization.localizer import Localizer as Localizer
    from trigpoint.mapping.config import MappingConfig as MappingConfig

# A library says nothing unless it is asked to: logging.basicConfig(level=logging.INFO) shows the stages of a build.
logging.getLogger("trigpoint").addHandler(logging.NullHandler())

_HOMES = {
    "Camera": "trigpoint.core.camera",
    "Correspondences": "trigpoint.localization.correspondences",
    "Frame": "trigpoint.core.scene",
    "Localization": "trigpoint.core.localization",
    "Localizer": "trigpoint.localization.localizer",
    "MappingConfig": "trigpoint.mapping.config",
    "Pose": "trigpoint.core.pose",
    "Scene": "trigpoint.core.scene",
    "Threshold": "trigpoint.evaluation.metrics",
    "TrigpointError": "trigpoint.core.errors",
    "build_map": "trigpoint.build.pipeline",
    "evaluate": "trigpoint.evaluation.evaluate",
    "open_scene": "trigpoint.formats.readers",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'trigpoint' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*_HOMES, "__version__"])
