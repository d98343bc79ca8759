"""Structure from motion: images or a video without poses become a scene that ``map`` reads."""

from trigpoint.reconstruction.build import reconstruct
from trigpoint.reconstruction.options import ReconstructionOptions
from trigpoint.reconstruction.report import ReconstructionReport

__all__ = ["ReconstructionOptions", "ReconstructionReport", "reconstruct"]
