"""How a network learns: its size, its loss, its optimizer."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from trigpoint.core.config import require
from trigpoint.core.errors import ConfigError, did_you_mean

OPTIMIZERS = ("adamw", "muon")
SCHEDULES = ("circle", "blend", "log-circle")
ROBUST = ("tanh", "geman-mcclure")
SUPERVISION = ("none", "depth", "points", "landmarks")


@dataclass(frozen=True)
class HeadConfig:
    """The regression network: ACE's (CVPR 2023), GLACE's (CVPR 2024) or R-SCoRe's (CVPR 2025), by these numbers.

    Attributes:
        width: features between the blocks.
        blocks: residual blocks after the first.
        hidden_ratio: width of the middle layer of each block, and of the layer before the output, in units of ``width``.
        clusters: cluster centres of the camera positions between which the position decoder chooses (GLACE); 1: their mean.
        refiner_blocks: residual blocks between a coarse point and its refinement (R-SCoRe); 0: no refinement.
        fourier_bands: frequencies for each axis of the Fourier code of the coarse point.
        fourier_period: period of the lowest frequency, in normalised units.
        fourier_octaves: octaves from the lowest to the highest frequency.
        pad_input: where the input is narrower than ``width``, the first block adds it to the first channels instead of
            projecting it (R-SCoRe).
        standardize: bring every input channel to mean 0 and deviation 1 before the first layer.
    """

    width: int = 512
    blocks: int = 1
    hidden_ratio: float = 1.0
    clusters: int = 1
    refiner_blocks: int = 0
    fourier_bands: int = 16
    fourier_period: float = 2048.0
    fourier_octaves: float = 12.0
    pad_input: bool = False
    standardize: bool = False

    def __post_init__(self) -> None:
        for name in ("width", "clusters", "fourier_bands"):
            require(getattr(self, name) >= 1, f"head.{name}", getattr(self, name), "1 or more")
        for name in ("blocks", "refiner_blocks"):
            require(getattr(self, name) >= 0, f"head.{name}", getattr(self, name), "0 or more")
        for name in ("hidden_ratio", "fourier_period"):
            require(0 < getattr(self, name) < math.inf, f"head.{name}", getattr(self, name), "positive")
        hidden = round(self.width * self.hidden_ratio)
        require(hidden >= 1, "head.hidden_ratio", self.hidden_ratio, f"at least 1 / {self.width}, the inverse of the width")
        require(0 <= self.fourier_octaves < 64, "head.fourier_octaves", self.fourier_octaves, "0 to 64")
        if self.refiner_blocks:
            codes = 6 * self.fourier_bands
            require(self.width >= codes, "head.width", self.width, f"at least the {codes} channels of the Fourier code")


@dataclass(frozen=True)
class TermConfig:
    """The robust reprojection error of one output.

    Attributes:
        robust: ``"tanh"`` (ACE) or ``"geman-mcclure"`` (R-SCoRe's coarse output).
        schedule: path of the soft clamp: ``"circle"``, ``"blend"`` or ``"log-circle"``; see ``soft_clamp_px``.
        tau_start_px: soft clamp of the residual at the start.
        tau_end_px: soft clamp at the end of training.
        depth_sigma: residuals are multiplied by z / sqrt(z^2 + sigma^2) at depth z (R-SCoRe's depth adjustment). 0
            switches it off.
        depth_fades: whether that sigma fades to 0 on the way of the soft clamp.
    """

    robust: str = "tanh"
    schedule: str = "circle"
    tau_start_px: float = 50.0
    tau_end_px: float = 1.0
    depth_sigma: float = 0.0
    depth_fades: bool = True

    def __post_init__(self) -> None:
        require(self.robust in ROBUST, "loss.robust", self.robust, " or ".join(ROBUST))
        require(self.schedule in SCHEDULES, "loss.schedule", self.schedule, " or ".join(SCHEDULES))
        require(0 <= self.tau_start_px < math.inf, "loss.tau_start_px", self.tau_start_px, "0 or more")
        # The other schedules begin at it, and residuals are divided by the clamp.
        positive = self.schedule == "circle" or self.tau_start_px > 0
        require(positive, "loss.tau_start_px", self.tau_start_px, f"positive for {self.schedule}")
        require(0 < self.tau_end_px < math.inf, "loss.tau_end_px", self.tau_end_px, "positive")
        require(0 <= self.depth_sigma < math.inf, "loss.depth_sigma", self.depth_sigma, "0 or more")


@dataclass(frozen=True)
class LossConfig:
    """What training minimises. Lengths in scene units after normalisation (metres for metric scenes), residuals in view px.

    Attributes:
        norm: 1 for the L1 norm of the residual (ACE, GLACE), 2 for L2 (R-SCoRe).
        final: the reprojection error of the final output.
        coarse: that of the coarse output, where there is a refinement.
        tie_fraction: the refinement may move points by more than ``tie_tolerance`` only at a cost that fades out over this
            fraction of the training (R-SCoRe's coordinate tie); 0: no tie.
        tie_tolerance: free movement.
        supervision: where points of samples are known from, whose distance to the output counts beside the reprojection
            error: ``"depth"`` images or the ``"points"`` of a structure-from-motion model, where the scene has them, or
            ``"landmarks"``: keypoints that are triangulated from the known poses when the map is made.
        known_weight: weight of that distance.
        depth_min: closest valid depth.
        depth_max: furthest valid depth.
        depth_target: depth towards which points without a valid reprojection are pulled.
        pull_weight: px that a unit of distance to that depth costs. 1 as published.
        hard_clamp_px: residuals above this are not valid.
    """

    norm: int = 1
    final: TermConfig = field(default_factory=TermConfig)
    coarse: TermConfig = field(default_factory=TermConfig)
    tie_fraction: float = 0.0
    tie_tolerance: float = 0.1
    supervision: str = "none"
    known_weight: float = 1.0
    depth_min: float = 0.1
    depth_max: float = 1000.0
    depth_target: float = 10.0
    pull_weight: float = 1.0
    hard_clamp_px: float = 1000.0

    def __post_init__(self) -> None:
        require(self.norm in (1, 2), "loss.norm", self.norm, "1 or 2")
        for name in ("depth_min", "depth_target", "pull_weight", "hard_clamp_px"):
            value = getattr(self, name)
            require(0 < value < math.inf, f"loss.{name}", value, "positive")
        require(0 <= self.tie_fraction <= 1, "loss.tie_fraction", self.tie_fraction, "0 to 1")
        require(0 <= self.tie_tolerance < math.inf, "loss.tie_tolerance", self.tie_tolerance, "0 or more")
        require(0 <= self.known_weight < math.inf, "loss.known_weight", self.known_weight, "0 or more")
        require(self.supervision in SUPERVISION, "loss.supervision", self.supervision, " or ".join(SUPERVISION))
        require(self.depth_max > self.depth_min, "loss.depth_max", self.depth_max, "more than loss.depth_min")


@dataclass(frozen=True)
class OptimizerConfig:
    """How the weights move.

    Attributes:
        kind: ``"adamw"`` or ``"muon"`` (orthogonalised momentum on the inner matrices, AdamW on the rest).
        learning_rate: peak rate of AdamW.
        matrix_rate: peak rate of Muon's matrices: the largest singular value of one step.
        warmup_fraction: fraction of the steps in which the rate rises (OneCycle's ``pct_start``).
        steps: number of optimizer steps.
        batch: samples per step.
        parts: the batch is computed in this many parts, which bounds the memory and changes nothing else.
    """

    kind: str = "adamw"
    learning_rate: float = 5e-3
    matrix_rate: float = 0.0
    warmup_fraction: float = 0.3
    steps: int = 25_000
    batch: int = 5_120
    parts: int = 1

    def __post_init__(self) -> None:
        if self.kind not in OPTIMIZERS:
            raise ConfigError("TP-712", f"unknown optimizer '{self.kind}'", fix=did_you_mean(self.kind, OPTIMIZERS))
        for name in ("steps", "batch", "parts"):
            require(getattr(self, name) >= 1, f"optimizer.{name}", getattr(self, name), "1 or more")
        require(0 < self.learning_rate < math.inf, "optimizer.learning_rate", self.learning_rate, "positive")
        require(0 <= self.matrix_rate < math.inf, "optimizer.matrix_rate", self.matrix_rate, "0 or more")
        require(self.kind != "muon" or self.matrix_rate > 0, "optimizer.matrix_rate", self.matrix_rate, "positive for muon")
        require(0 <= self.warmup_fraction <= 1, "optimizer.warmup_fraction", self.warmup_fraction, "0 to 1")
