"""Dense upright RootSIFT on a grid: a local encoder that needs no weights (Arandjelovic and Zisserman, CVPR 2012)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from trigpoint.features.local import LocalFeatures

STEP_PX = 8
DIAMETER_PX = 16.0


class DenseSift:
    """One 128-d RootSIFT descriptor for each cell of 8 x 8 px, at the centre of the cell. Runs on the CPU."""

    name = "dense-sift"
    dim = 128
    dense = True
    size_multiple = STEP_PX
    weights_sha256 = ""

    def __init__(self, device: torch.device) -> None:
        import cv2

        self._sift = cv2.SIFT.create()

    def encode(self, view: Tensor, max_keypoints: int) -> LocalFeatures:
        """(H, W) uint8 view to keypoints (N, 2), px of the view, with (N, 128) descriptors, see ``LocalEncoder.encode``.

        Scores are the gradient strength of the patch before normalisation.
        """
        import cv2

        pixels = view.numpy()
        rows, columns = pixels.shape[0] // STEP_PX, pixels.shape[1] // STEP_PX
        y, x = np.mgrid[:rows, :columns]
        keypoints = np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float32) * STEP_PX + STEP_PX / 2
        # OpenCV counts from the centre of the first pixel.
        points = [cv2.KeyPoint(float(px) - 0.5, float(py) - 0.5, DIAMETER_PX, 0.0) for px, py in keypoints]
        _, raw = self._sift.compute(pixels, points)
        histogram = torch.from_numpy(np.asarray(raw, dtype=np.float32))
        descriptors = (histogram / histogram.sum(dim=1, keepdim=True).clamp_min(1e-6)).sqrt()
        contrast = cv2.boxFilter(cv2.Laplacian(pixels, cv2.CV_32F) ** 2, -1, (STEP_PX, STEP_PX)).astype(np.float32)
        scores = contrast[STEP_PX // 2 :: STEP_PX, STEP_PX // 2 :: STEP_PX][:rows, :columns]
        return LocalFeatures(torch.from_numpy(keypoints), descriptors, torch.from_numpy(scores.reshape(-1).copy()))
