"""valtui's log and lenses from somebody else's training loop: `from valtui_trainer import Recorder`."""

from valtui_trainer.recorder.recorder import Recorder

__all__ = ["Recorder"]
