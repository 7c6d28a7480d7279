"""`python -m valtui_trainer TASK [PATH]`: whatever needs torch runs as a child process of this kind."""

from __future__ import annotations

import sys


def main(arguments: list[str]) -> int:
    """Run one task; return the exit code."""
    task = arguments[0] if arguments else ""
    if task == "run":
        from valtui_trainer.training.attempt import main as run

        return run(arguments[1])
    if task == "probe":
        from valtui_trainer.training.probe.task import main as probe

        return probe(arguments[1])
    if task == "validate":
        from valtui_trainer.training.validate import main as validate

        return validate()
    if task == "weights":
        from valtui_trainer.training.export_weights import main as weights

        return weights()
    if task == "check":
        from valtui_trainer.training.checks.on_demand import main as check

        return check()
    if task == "watch":
        from valtui_trainer.foreign.follow import main as watch

        return watch(arguments[1], once="--once" in arguments)
    if task == "doctor":
        from valtui_trainer.training.doctor import main as doctor

        return doctor()
    sys.stderr.write(
        "usage: python -m valtui_trainer run ATTEMPT | probe FOLDER | validate | weights | check | "
        "watch SESSION | doctor\n"
    )
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
