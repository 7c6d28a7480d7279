"""Early stopping that is not fooled by noise: only what is worse than the best beyond chance counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from valtui_trainer.measure.best import jump_z

Losses = npt.NDArray[np.floating]


@dataclass(slots=True)
class Patience:
    """Looks at evaluations one by one, and tells when patience is over.

    An evaluation is compared with the best sample by sample (paired z over the validation samples). Below
    -z it is the new best; above z it is worse; in between nothing can be told. Training ends when so many
    in a row are worse. So a slow fall, whose single steps are within chance, does not run out of patience,
    nor does a level that jumps around: some of its evaluations always come near its best. (Counted without
    "in a row", a lucky best ended 60 of 200 simulated runs that only fluctuate; in a row, 5.)

    Attributes:
        patience: evaluations in a row that may be worse than the best.
        z: how many standard errors of the paired difference make one better or worse.
        best: the losses of the best evaluation, shape (n,); None before the first finite one.
        best_step: its step.
        worse: evaluations in a row that were worse, up to the last.
    """

    patience: int
    z: float = 2.0
    best: Losses | None = None
    best_step: int = 0
    worse: int = 0

    @property
    def over(self) -> bool:
        """Whether so many in a row were worse."""
        return self.worse >= self.patience

    def look(self, losses: npt.ArrayLike, step: int) -> bool:
        """Take up an evaluation (n,), the mean over seeds of each sample's loss; tell whether to stop.

        One with a loss that is not finite tells nothing.
        """
        now = np.asarray(losses, dtype=np.float32)
        if not np.isfinite(now).all():
            return False
        if self.best is None or self.best.shape != now.shape:
            self.best, self.best_step, self.worse = now.copy(), step, 0
            return False
        z = jump_z(self.best, now)
        if z < -self.z:
            self.best, self.best_step, self.worse = now.copy(), step, 0
        else:
            self.worse = self.worse + 1 if z > self.z else 0
        return self.over
