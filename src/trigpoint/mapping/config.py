"""Everything that decides how a map is made, as frozen values that are stored in the map."""

from __future__ import annotations

from dataclasses import dataclass, field

from trigpoint.features.views import AugmentationConfig


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


@dataclass(frozen=True)
class HeadConfig:
    """The regression network (ACE, Brachmann et al., CVPR 2023).

    Attributes:
        width: features of every layer.
        blocks: residual blocks after the first.
    """

    width: int = 512
    blocks: int = 1


@dataclass(frozen=True)
class LossConfig:
    """Reprojection loss. Lengths in scene units after normalisation (metres for metric scenes), residuals in view px.

    Attributes:
        norm: 1 for the L1 norm of the residual (ACE, GLACE), 2 for L2 (R-SCoRe).
        tau_start_px: soft clamp of the residual at the start.
        tau_end_px: soft clamp at the end of training.
        depth_min: closest valid depth.
        depth_max: furthest valid depth.
        depth_target: depth towards which points without a valid reprojection are pulled.
        hard_clamp_px: residuals above this are not valid.
    """

    norm: int = 1
    tau_start_px: float = 50.0
    tau_end_px: float = 1.0
    depth_min: float = 0.1
    depth_max: float = 1000.0
    depth_target: float = 10.0
    hard_clamp_px: float = 1000.0


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


@dataclass(frozen=True)
class MappingConfig:
    """A preset: one complete recipe."""

    preset: str
    features: FeatureConfig = field(default_factory=FeatureConfig)
    buffer: BufferConfig = field(default_factory=BufferConfig)
    head: HeadConfig = field(default_factory=HeadConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
