"""Everything that decides how a map is made, as frozen values that are stored in the map."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from trigpoint.core.config import require
from trigpoint.core.errors import ConfigError, did_you_mean
from trigpoint.core.image import MIN_SIDE_PX
from trigpoint.features.views import AugmentationConfig

OPTIMIZERS = ("adamw", "muon")


@dataclass(frozen=True)
class FeatureConfig:
    """What is read from a photo.

    Attributes:
        encoder: key in ``ENCODERS``.
        short_side_px: shorter side of the view without augmentation.
        query_keypoints: keypoints of a query at most (sparse encoders).
    """

    encoder: str = "xfeat"
    short_side_px: int = 480
    query_keypoints: int = 2000

    def __post_init__(self) -> None:
        smallest = f"{MIN_SIDE_PX} or more"
        require(self.short_side_px >= MIN_SIDE_PX, "features.short_side_px", self.short_side_px, smallest)
        require(self.query_keypoints >= 1, "features.query_keypoints", self.query_keypoints, "1 or more")


@dataclass(frozen=True)
class BufferConfig:
    """The training samples.

    Attributes:
        views_per_photo: augmented views of each photo; used as it is when ``samples`` is 0.
        keypoints_per_view: samples of each view at most. Sparse encoders give their best, dense ones random cells.
        samples: total number of samples (ACE: 8,000,000): photos are visited in turn until it is reached. 0: not used.
        augmentation: how views differ from the photo.
    """

    views_per_photo: int = 4
    keypoints_per_view: int = 1500
    samples: int = 0
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)

    def __post_init__(self) -> None:
        require(self.views_per_photo >= 1, "buffer.views_per_photo", self.views_per_photo, "1 or more")
        require(self.keypoints_per_view >= 1, "buffer.keypoints_per_view", self.keypoints_per_view, "1 or more")
        require(self.samples >= 0, "buffer.samples", self.samples, "0 or more")


@dataclass(frozen=True)
class HeadConfig:
    """The regression network (ACE, Brachmann et al., CVPR 2023).

    Attributes:
        width: features of every layer.
        blocks: residual blocks after the first.
        standardize: bring every descriptor channel to mean 0 and deviation 1 before the first layer.
    """

    width: int = 512
    blocks: int = 1
    standardize: bool = False

    def __post_init__(self) -> None:
        require(self.width >= 1, "head.width", self.width, "1 or more")
        require(self.blocks >= 0, "head.blocks", self.blocks, "0 or more")


@dataclass(frozen=True)
class LossConfig:
    """Reprojection loss. Lengths in scene units after normalisation (metres for metric scenes), residuals in view px.

    Attributes:
        norm: 1 for the L1 norm of the residual (ACE, GLACE), 2 for L2 (R-SCoRe).
        schedule: path of the soft clamp, ``"circle"`` or ``"log-circle"``; see ``reprojection.soft_clamp_px``.
        tau_start_px: soft clamp of the residual at the start.
        tau_end_px: soft clamp at the end of training.
        depth_sigma: residuals are multiplied by z / sqrt(z^2 + sigma^2) at depth z (R-SCoRe's depth adjustment), with a
            sigma that fades from this to 0 on the way of the soft clamp. 0 switches it off.
        depth_min: closest valid depth.
        depth_max: furthest valid depth.
        depth_target: depth towards which points without a valid reprojection are pulled.
        hard_clamp_px: residuals above this are not valid.
    """

    norm: int = 1
    schedule: str = "circle"
    tau_start_px: float = 50.0
    tau_end_px: float = 1.0
    depth_sigma: float = 0.0
    depth_min: float = 0.1
    depth_max: float = 1000.0
    depth_target: float = 10.0
    hard_clamp_px: float = 1000.0

    def __post_init__(self) -> None:
        require(self.norm in (1, 2), "loss.norm", self.norm, "1 or 2")
        for name in ("tau_end_px", "depth_min", "depth_target", "hard_clamp_px"):
            value = getattr(self, name)
            require(0 < value < math.inf, f"loss.{name}", value, "positive")
        require(self.schedule in ("circle", "log-circle"), "loss.schedule", self.schedule, "circle or log-circle")
        require(0 <= self.tau_start_px < math.inf, "loss.tau_start_px", self.tau_start_px, "0 or more")
        require(0 <= self.depth_sigma < math.inf, "loss.depth_sigma", self.depth_sigma, "0 or more")
        require(self.depth_max > self.depth_min, "loss.depth_max", self.depth_max, "more than loss.depth_min")


@dataclass(frozen=True)
class OptimizerConfig:
    """How the weights move.

    Attributes:
        kind: ``"adamw"`` or ``"muon"`` (orthogonalised momentum on the inner matrices, AdamW on the rest).
        learning_rate: peak rate of AdamW.
        matrix_rate: peak rate of Muon's matrices: the largest singular value of one step.
        warmup_share: share of the steps in which the rate rises (OneCycle's ``pct_start``).
        steps: number of optimizer steps.
        batch: samples per step.
    """

    kind: str = "adamw"
    learning_rate: float = 5e-3
    matrix_rate: float = 0.0
    warmup_share: float = 0.3
    steps: int = 25_000
    batch: int = 5_120

    def __post_init__(self) -> None:
        if self.kind not in OPTIMIZERS:
            raise ConfigError("TP-712", f"unknown optimizer '{self.kind}'", fix=did_you_mean(self.kind, OPTIMIZERS))
        for name in ("steps", "batch"):
            require(getattr(self, name) >= 1, f"optimizer.{name}", getattr(self, name), "1 or more")
        require(0 < self.learning_rate < math.inf, "optimizer.learning_rate", self.learning_rate, "positive")
        require(0 <= self.matrix_rate < math.inf, "optimizer.matrix_rate", self.matrix_rate, "0 or more")
        require(self.kind != "muon" or self.matrix_rate > 0, "optimizer.matrix_rate", self.matrix_rate, "positive for muon")
        require(0 <= self.warmup_share <= 1, "optimizer.warmup_share", self.warmup_share, "0 to 1")


@dataclass(frozen=True)
class MappingConfig:
    """A preset: one complete recipe."""

    preset: str
    features: FeatureConfig = field(default_factory=FeatureConfig)
    buffer: BufferConfig = field(default_factory=BufferConfig)
    head: HeadConfig = field(default_factory=HeadConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
