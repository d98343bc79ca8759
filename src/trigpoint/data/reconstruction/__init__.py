"""Structure from motion: photos or a video without poses become a place that ``map`` reads."""

from trigpoint.data.reconstruction.build import reconstruct
from trigpoint.data.reconstruction.options import ReconstructionOptions
from trigpoint.data.reconstruction.report import ReconstructionReport

__all__ = ["ReconstructionOptions", "ReconstructionReport", "reconstruct"]
