"""Settings of a network: its size, its loss and its optimizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from trigpoint.core.config import POSITIVE, Range, Settings, require

Schedule = Literal["circle", "blend", "log-circle"]


@dataclass(frozen=True)
class HeadConfig(Settings):
    """Size of the regression network: ACE's (CVPR 2023), GLACE's (CVPR 2024) or R-SCoRe's (CVPR 2025), by these numbers.

    Attributes:
        width: features between the blocks.
        blocks: residual blocks after the first.
        hidden_ratio: width of the middle layer of each block, and of the layer before the output, in units of ``width``.
        clusters: cluster centres of the camera positions between which the position decoder chooses (GLACE); 1: their mean.
        pad_input: where the input is narrower than ``width``, the first block adds it to the first channels instead of
            projecting it (R-SCoRe).
        standardize: bring every input channel to mean 0 and deviation 1 before the first layer.
    """

    width: Annotated[int, Range(1)] = 512
    blocks: Annotated[int, Range(0)] = 1
    hidden_ratio: Annotated[float, POSITIVE] = 1.0
    clusters: Annotated[int, Range(1)] = 1
    pad_input: bool = False
    standardize: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        allowed = f"at least 1 / {self.width}, the inverse of the width"
        require(round(self.width * self.hidden_ratio) >= 1, "head.hidden_ratio", self.hidden_ratio, allowed)


@dataclass(frozen=True)
class RobustTerm:
    """The robust reprojection error of one output of a network.

    Attributes:
        robust: ``"tanh"`` (ACE) or ``"geman-mcclure"`` (R-SCoRe's coarse output).
        schedule: path of the soft clamp: see ``soft_clamp_px``.
        tau_start_px: soft clamp of the residual at the start, px of the view.
        tau_end_px: soft clamp at the end of the training, px of the view.
        depth_sigma: sigma of R-SCoRe's depth adjustment, normalised units: residuals are multiplied by
            z / sqrt(z^2 + sigma^2) at depth z; 0 switches it off.
        depth_fades: whether that sigma fades to 0 on the way of the soft clamp.
    """

    robust: Literal["tanh", "geman-mcclure"] = "tanh"
    schedule: Schedule = "circle"
    tau_start_px: float = 50.0
    tau_end_px: float = 1.0
    depth_sigma: float = 0.0
    depth_fades: bool = True


@dataclass(frozen=True)
class LossConfig(Settings):
    """The loss of the final output. Residuals are in px of the view.

    Attributes:
        norm: 1 for the L1 norm of the residual (ACE, GLACE), 2 for L2 (R-SCoRe).
        schedule: path of the soft clamp: see ``soft_clamp_px``.
        tau_start_px: soft clamp of the residual at the start of the training.
        depth_sigma: depth adjustment, normalised units, which fades out with the clamp; 0: none.
        pull_weight: px that a unit of distance to the default depth costs points without a valid reprojection. 1 as
            published.
    """

    norm: Literal[1, 2] = 1
    schedule: Schedule = "circle"
    tau_start_px: Annotated[float, Range(0)] = 50.0
    depth_sigma: Annotated[float, Range(0)] = 0.0
    pull_weight: Annotated[float, POSITIVE] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_start("loss", self.schedule, self.tau_start_px)

    @property
    def term(self) -> RobustTerm:
        """The robust error of the final output: that of ACE, whose depth adjustment must have gone where it ends."""
        return RobustTerm("tanh", self.schedule, self.tau_start_px, depth_sigma=self.depth_sigma)


@dataclass(frozen=True)
class RefinementConfig(Settings):
    """The refinement of a coarse output, with a loss of its own for that (R-SCoRe).

    Attributes:
        blocks: residual blocks between the coarse point and the refined one.
        schedule: path of the soft clamp of the coarse output.
        tau_start_px: soft clamp of its residual at the start of the training, px of the view.
        depth_sigma: its depth adjustment, normalised units; 0: none.
    """

    blocks: Annotated[int, Range(1)] = 1
    schedule: Schedule = "blend"
    tau_start_px: Annotated[float, Range(0)] = 50.0
    depth_sigma: Annotated[float, Range(0)] = 3.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_start("refinement", self.schedule, self.tau_start_px)

    @property
    def term(self) -> RobustTerm:
        """The robust error of the coarse output: R-SCoRe's, whose depth adjustment stays to the end."""
        return RobustTerm("geman-mcclure", self.schedule, self.tau_start_px, depth_sigma=self.depth_sigma, depth_fades=False)


@dataclass(frozen=True)
class AdamWConfig(Settings):
    """AdamW on all weights, with a one-cycle learning-rate schedule.

    Attributes:
        steps: number of optimizer steps.
        batch: samples per step.
        learning_rate: peak rate.
        warmup_fraction: fraction of the steps in which the rate rises (OneCycle's ``pct_start``).
    """

    kind: Literal["adamw"] = "adamw"
    steps: Annotated[int, Range(1)] = 25_000
    batch: Annotated[int, Range(1)] = 5_120
    learning_rate: Annotated[float, POSITIVE] = 5e-3
    warmup_fraction: Annotated[float, Range(0, 1)] = 0.3


@dataclass(frozen=True)
class MuonConfig(Settings):
    """Muon (orthogonalised momentum) on the inner matrices, AdamW on the other weights, one schedule for both.

    Attributes:
        steps: number of optimizer steps.
        batch: samples per step.
        learning_rate: peak rate of AdamW.
        matrix_rate: peak rate of the matrices: the largest singular value of one step.
        warmup_fraction: fraction of the steps in which the rates rise.
    """

    kind: Literal["muon"] = "muon"
    steps: Annotated[int, Range(1)] = 1_500
    batch: Annotated[int, Range(1)] = 2_048
    learning_rate: Annotated[float, POSITIVE] = 5e-3
    matrix_rate: Annotated[float, POSITIVE] = 0.04
    warmup_fraction: Annotated[float, Range(0, 1)] = 0.04


OptimizerConfig = AdamWConfig | MuonConfig


def _check_start(section: str, schedule: Schedule, tau_start_px: float) -> None:
    # The other schedules begin at it, and residuals are divided by the clamp.
    positive = schedule == "circle" or tau_start_px > 0
    require(positive, f"{section}.tau_start_px", tau_start_px, f"positive for {schedule}")
