"""The task `weights`: take the weights of a checkpoint out into plain `state_dict` files."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import torch

from valtui_trainer.supervise.weights import Answer, Request
from valtui_trainer.training import checkpoint


def export(request: Request) -> Answer:
    """Write one file a seed; `OUT.pt` for a single one, else `OUT-seed-0.pt` and so on."""
    state = checkpoint.read(Path(request.checkpoint))
    if state is None:
        return Answer(problem=f"{request.checkpoint} is no sound checkpoint.")
    chosen = [one for one in state["replicas"] if request.seed in (None, one["seed"])]
    if not chosen:
        return Answer(problem=f"The checkpoint holds no seed {request.seed}.")
    out = Path(request.out)
    written: list[str] = []
    for one in chosen:
        path = (
            out
            if len(chosen) == 1
            else out.with_name(f"{out.stem}-seed-{one['seed']}{out.suffix or '.pt'}")
        )
        try:
            torch.save(one["model"], path)
        except (OSError, RuntimeError) as error:
            return Answer(written, f"{path} cannot be written ({error}).")
        written.append(str(path))
    return Answer(written)


def main() -> int:
    """Answer the request on standard input."""
    answer = export(msgspec.json.decode(sys.stdin.buffer.read(), type=Request))
    sys.stdout.buffer.write(msgspec.json.encode(answer))
    return 1 if answer.problem else 0
