"""What encoders share: gray views as network input, peaks of score maps, centres of cells, reading maps at keypoints.

Positions are px of the view; (0.5, 0.5) is the centre of its first pixel.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def network_input(view: Tensor, device: torch.device, channels: int = 1) -> Tensor:
    """(H, W) uint8 gray pixels to (1, channels, H, W) float32 in [0, 1]; gray is repeated for networks made for colour."""
    pixels = view.to(device=device, dtype=torch.float32) / 255
    return pixels[None, None].expand(1, channels, -1, -1)


def cell_positions(rows: int, columns: int, cell_px: int, first_px: float) -> Tensor:
    """(rows * columns, 2) float32 positions of grid cells in row order, px of the view.

    Args:
        rows, columns: size of the grid.
        cell_px: side of a cell.
        first_px: x and y of the first cell.
    """
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return torch.stack([x, y], dim=-1).reshape(-1, 2).float() * cell_px + first_px


def cell_contrast(view: Tensor, cell_px: int) -> Tensor:
    """Standard deviation of the gray values of each cell of an (H, W) view: scores for grids without a detector.

    Returns:
        (rows * columns,) float32, gray levels 0 to 255, for cells of ``cell_px`` px.
    """
    pixels = view.float()[None, None]
    mean = functional.avg_pool2d(pixels, cell_px)
    return (functional.avg_pool2d(pixels**2, cell_px) - mean**2).clamp_min(0).sqrt().flatten()


def local_maxima(scores: Tensor, *, radius: int, border: int, threshold: float) -> Tensor:
    """(N, 2) int64 row and column, px, of the local maxima of an (H, W) map above a threshold, in row order.

    Args:
        scores: (H, W) score map.
        radius: a peak is the largest within so many px to each side.
        border: margin without peaks, px.
        threshold: peaks have a larger score.
    """
    # OpenCV's dilation is the same window maximum as max pooling for a tenth of the time on a CPU.
    values = scores.cpu().numpy()
    highest = cv2.dilate(values, np.ones((2 * radius + 1, 2 * radius + 1), np.uint8))
    peak = (values == highest) & (values > threshold)
    peak[:border] = peak[-border:] = False
    peak[:, :border] = peak[:, -border:] = False
    return torch.from_numpy(np.argwhere(peak)).to(scores.device)


def strongest_peaks(scores: Tensor, count: int, *, radius: int, border: int, threshold: float) -> Tensor:
    """(N, 2) as ``local_maxima`` of an (H, W) map: row and column, px, of the ``count`` highest at most, best first."""
    peaks = local_maxima(scores, radius=radius, border=border, threshold=threshold)
    best = scores[peaks[:, 0], peaks[:, 1]].argsort(descending=True, stable=True)[:count]
    return peaks[best]


def sample_map(grid: Tensor, keypoints_px: Tensor, size_px: tuple[int, int]) -> Tensor:
    """Read a (1, C, h, w) map that covers a view at (N, 2) positions, px of the view: (N, C), bilinear.

    Args:
        grid: the map.
        keypoints_px: where to read it.
        size_px: (width, height) of the view.
    """
    size = torch.tensor(size_px, dtype=torch.float32, device=grid.device)
    # grid_sample counts from -1 to 1 between the outer borders of the pixels, as (0.5, 0.5) is the centre of the first one.
    where = (2 * keypoints_px.to(grid.device) / size - 1)[None, None]
    return functional.grid_sample(grid, where, mode="bilinear", align_corners=False)[0, :, 0].T
