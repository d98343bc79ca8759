"""Results read back from the files that ``results`` writes. COLMAP models are read by ``pycolmap.Reconstruction``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from trigpoint.core.camera import Camera
from trigpoint.core.config import from_json
from trigpoint.core.errors import OutputError, TrigpointError
from trigpoint.core.localization import Localization
from trigpoint.core.pose import Pose
from trigpoint.core.regular_file import read_regular

# A result takes a thousand bytes.
_MAX_BYTES = 1 << 30


def read_jsonl(path: Path) -> list[Localization]:
    """The results of a ``.jsonl`` file; null in a covariance becomes NaN.

    Raises:
        OutputError: TP-805.
    """
    results: list[Localization] = []
    for number, line in enumerate(_read(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            results.append(_localization(json.loads(line)))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, TrigpointError) as error:
            raise _unreadable(path, number, f"not a result ({type(error).__name__}: {error})") from error
    return results


def _localization(values: dict[str, Any]) -> Localization:
    pose, camera, covariance = values["cam_from_world"], values["camera"], values["covariance"]
    return Localization(
        name=str(values["name"]),
        status=str(values["status"]),
        reason=str(values["reason"]),
        cam_from_world=None if pose is None else Pose.from_quaternion(pose["quaternion_wxyz"], pose["translation"]),
        camera=None if camera is None else from_json(Camera, camera),
        camera_source=str(values["camera_source"]),
        inliers=int(values["inliers"]),
        points=int(values["points"]),
        confidence=float("nan") if values["confidence"] is None else float(values["confidence"]),
        covariance=None if covariance is None else np.array(covariance, dtype=np.float64).reshape(6, 6),
        units=str(values["units"]),
        map_id=str(values["map_id"]),
        timings_ms={str(step): float(value) for step, value in values["timings_ms"].items()},
    )


def _read(path: Path) -> str:
    try:
        return read_regular(path, _MAX_BYTES).decode()
    except OSError as error:
        raise OutputError(
            "TP-805", f"the results cannot be read ({error.strerror})", where=path, fix="Check the path."
        ) from error
    except UnicodeDecodeError as error:
        raise OutputError("TP-805", "this is not a text file", where=path, fix="Give a .jsonl or .txt file.") from error


def _unreadable(path: Path, line: int, what: str) -> OutputError:
    return OutputError("TP-805", what, where=f"{path}:{line}", fix="Write the file again with 'trigpoint localize'.")
