"""Buffers that follow from a layer's sizes and are no part of its state."""

from typing import Any, Dict, Optional

import torch


class Constants:
    """For a module with such buffers: they are filled again when the layer leaves the meta device, as empty memory.

    Nothing else would: ``load_state_dict`` after ``to_empty`` brings back what is part of the state.
    """

    _buffers: Dict[str, Optional[torch.Tensor]]

    def constants(self) -> Dict[str, torch.Tensor]:
        """Return the values of these buffers by name."""
        raise NotImplementedError

    def _apply(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        lost = [name for name, buffer in self._buffers.items() if buffer is not None and buffer.is_meta]
        super()._apply(fn, *args, **kwargs)  # type: ignore[misc]
        if lost:
            for name, values in self.constants().items():
                buffer = self._buffers[name]
                if name in lost and buffer is not None and not buffer.is_meta:
                    buffer.copy_(values)
        return self
