"""Checkpoint of a training: weights, optimizer state and progress in one file, from which it goes on exactly."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from trigpoint.core.artifact import read_artifact, write_artifact

if TYPE_CHECKING:
    import torch

_WEIGHTS = "model."


class OptimizerState(Protocol):
    """An optimizer as a checkpoint sees it."""

    def state(self) -> dict[str, torch.Tensor]:
        """Everything that the next step depends on, as (...) tensors by name, without unit."""
        ...

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Take over the (...) tensors of a checkpoint, without unit."""
        ...


class AdamWState:
    """The moments and counts of ``torch.optim.AdamW``, parameter by parameter in the optimizer's order."""

    def __init__(self, optimizer: torch.optim.AdamW) -> None:
        self.optimizer = optimizer

    @property
    def _parameters(self) -> list[torch.nn.Parameter]:
        return [parameter for group in self.optimizer.param_groups for parameter in group["params"]]

    def state(self) -> dict[str, torch.Tensor]:
        """As ``OptimizerState.state``, shapes (...) as the parameters', without unit; empty before the first step."""
        return {
            f"adamw.{index}.{key}": value
            for index, parameter in enumerate(self._parameters)
            for key, value in self.optimizer.state.get(parameter, {}).items()
        }

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """As ``OptimizerState.load``: (...) tensors, without unit."""
        for index, parameter in enumerate(self._parameters):
            prefix = f"adamw.{index}."
            values = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
            # Files hold no scalars: they come back as arrays of one. The count of steps stays on the CPU, as AdamW has it.
            self.optimizer.state[parameter] = {
                key: value.reshape(()).clone()
                if key == "step"
                else value.reshape(parameter.shape).to(parameter.device, copy=True)
                for key, value in values.items()
            }


class Checkpoint:
    """The file that a training saves its state in, whole or not at all, every ten seconds.

    Args:
        path: of the file.
        model: network that is trained.
        optimizer: its optimizer.
    """

    # Seconds between checkpoints: what a kill costs at most.
    INTERVAL_S: ClassVar[float] = 10.0

    def __init__(self, path: Path, model: torch.nn.Module, optimizer: OptimizerState) -> None:
        self.path, self.model, self.optimizer = path, model, optimizer
        self._saved = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether it is time to save."""
        return time.monotonic() - self._saved > self.INTERVAL_S

    def load(self) -> dict[str, Any]:
        """Put weights and optimizer into the saved state; gives the progress, or nothing if there is no file.

        Raises:
            MapFileError: the file is damaged (TP-402, TP-403).
        """
        import torch

        if not self.path.exists():
            return {}
        artifact = read_artifact(self.path)
        tensors = {name: torch.from_numpy(array.copy()) for name, array in artifact.tensors.items()}
        weights = {name.removeprefix(_WEIGHTS): value for name, value in tensors.items() if name.startswith(_WEIGHTS)}
        shapes = {name: value.shape for name, value in self.model.state_dict().items()}
        self.model.load_state_dict({name: value.reshape(shapes[name]) for name, value in weights.items()})
        self.optimizer.load({name: value for name, value in tensors.items() if not name.startswith(_WEIGHTS)})
        return artifact.metadata

    def save(self, progress: Mapping[str, Any]) -> None:
        """Write weights, optimizer state and progress.

        Args:
            progress: the number of finished steps and all else that the next step depends on, as JSON.

        Raises:
            OutputError: TP-801.
        """
        tensors = {f"{_WEIGHTS}{name}": value for name, value in self.model.state_dict().items()} | self.optimizer.state()
        write_artifact(self.path, {name: value.detach().cpu().numpy() for name, value in tensors.items()}, progress)
        self._saved = time.monotonic()
