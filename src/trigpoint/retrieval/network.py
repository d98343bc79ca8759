"""A published retrieval network as a baseline: an ONNX file that a user has, run by the optional package onnxruntime.

Beside ``FILE.onnx`` there is ``FILE.json`` that says what the network wants, as ``NetworkInput``: for example
``{"width": 640, "height": 480, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from trigpoint.core.config import from_json
from trigpoint.core.errors import MappingError
from trigpoint.core.image import read_image


@dataclass(frozen=True)
class NetworkInput:
    """What a network wants: one image as (1, 3, height, width) float32, RGB.

    Attributes:
        width: px; the image is resized to it whatever its shape.
        height: px.
        mean: subtracted from each channel, in units of full brightness.
        std: each channel is divided by it.
    """

    width: int
    height: int
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)


class OnnxNetwork:
    """A network from an image to one vector.

    Args:
        path: the ONNX file.

    Raises:
        MappingError: onnxruntime is not installed (TP-634); the file or its JSON cannot be used (TP-636).
        ConfigError: wrong settings in the JSON (TP-701, TP-702).
    """

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self.path = path
        self.input = _network_input(path)
        self._session = _session(path)
        self._input_name = self._session.get_inputs()[0].name

    def describe(self, image: Path) -> Tensor:
        """(D,) float32 descriptor of unit length of an image file.

        Raises:
            ImageError: the image cannot be used.
            MappingError: the network refuses its input, or its first output is not one finite vector (TP-636).
        """
        tensor = network_tensor(image, self.input)
        try:
            output = np.asarray(self._session.run(None, {self._input_name: tensor})[0], dtype=np.float32)
        except Exception as error:  # onnxruntime's own classes, which share no base with a name
            raise _unusable(self.path, f"it cannot be run on {tensor.shape} float32 ({error})") from error
        if output.size != output.shape[-1] or not np.isfinite(output).all():
            raise _unusable(self.path, f"its first output has the shape {output.shape} and is not one finite vector")
        return functional.normalize(torch.from_numpy(output.reshape(-1)), dim=0)


def network_tensor(image: Path, wanted: NetworkInput) -> NDArray[np.float32]:
    """(1, 3, height, width) float32, normalised pixels: the image as the network wants it. Raises ImageError."""
    import cv2

    pixels = read_image(image, short_side_px=max(wanted.width, wanted.height), color=True).rgb
    resized = np.asarray(cv2.resize(np.asarray(pixels), (wanted.width, wanted.height), interpolation=cv2.INTER_AREA))
    values = (resized / 255 - np.array(wanted.mean)) / np.array(wanted.std)
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None], dtype=np.float32)


def _network_input(path: Path) -> NetworkInput:
    beside = path.with_suffix(".json")
    try:
        document = json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unusable(beside, f"there is no readable JSON file beside the network ({type(error).__name__})") from error
    if not isinstance(document, dict):
        raise _unusable(beside, "the JSON file is not one object")
    wanted = from_json(NetworkInput, document, where=str(beside))
    if min(wanted.width, wanted.height) < 1 or max(wanted.width, wanted.height) > 8192 or min(wanted.std) <= 0:
        raise _unusable(beside, "width and height must be 1 to 8192, std positive")
    return wanted


def _session(path: Path) -> Any:
    try:
        import onnxruntime  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MappingError(
            "TP-634", "ONNX networks need the package onnxruntime", fix="Run 'pip install onnxruntime'."
        ) from error
    try:
        return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes, which share no base with a name
        raise _unusable(path, f"it cannot be opened ({error})") from error


def _unusable(path: Path, detail: str) -> MappingError:
    return MappingError("TP-636", f"this network cannot be used: {detail}", where=path, fix="See docs/retrieval.md.")
