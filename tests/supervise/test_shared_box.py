"""A box that others use too: they are named before a start and in the meter; runs yield, and take their share."""

from __future__ import annotations

import json
import os
from pathlib import Path

import psutil
import pytest

from support.commands import valtui, wait_until
from support.fake_nvml import GIB, Held, stand_in
from valtui.cli.main import main
from valtui.meter import read_meter
from valtui_trainer.presets.library import Library
from valtui_trainer.session.documents import read_document
from valtui_trainer.session.listing import find_session, runs_of
from valtui_trainer.session.records import RunSpec
from valtui_trainer.supervise import begin, validate
from valtui_trainer.supervise.devices import choose_device, visible_gpus
from valtui_trainer.supervise.further import further_run
from valtui_trainer.supervise.neighbours import crowding
from valtui_trainer.supervise.plan import Request, make_plan
from valtui_trainer.supervise.repeating import command_of
from valtui_trainer.supervise.validate import Answer


def test_a_free_gpu_and_a_cpu_are_not_crowded(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, [])

    assert crowding("cuda:0") == crowding("cpu") == crowding("cuda:7") == ""
    assert read_meter("cuda:0") == "cuda:0 H100 97 %  21.5 GB"


def test_a_gpu_that_does_not_tell_its_load_or_memory_is_a_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stand_in(monkeypatch, [], refused=("nvmlDeviceGetUtilizationRates",))

    assert choose_device("auto") == choose_device("cuda:0") == "cuda:0"
    assert read_meter("cuda:0") == "cuda:0 H100  21.5 GB"

    stand_in(monkeypatch, [], refused=("nvmlDeviceGetMemoryInfo",))
    (gpu,) = visible_gpus()
    assert gpu.total == psutil.virtual_memory().total
    assert 0 < gpu.free <= gpu.total


def test_a_part_of_a_gpu_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, [])
    for allowed, devices in (("MIG-1", 1), ("MIG-2", 0), ("GPU-1", 1), ("", 0)):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)

        assert len(visible_gpus()) == devices


def test_who_else_is_there_is_named_with_what_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    me = psutil.Process()
    stand_in(monkeypatch, [Held(os.getpid(), 20 * GIB)])

    said = crowding("cuda:0")

    assert said.startswith(f"cuda:0 is shared: {me.name()} of {me.username()} (pid {me.pid}) holds")
    assert "holds 20.0 GiB; 60.0 GiB of 80.0 GiB are free" in said
    assert read_meter("cuda:0") == "cuda:0 H100 97 %  21.5 GB  1 other 21.5 GB"


def test_own_processes_are_no_others_even_where_a_container_hides_their_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hidden = 2**22 + 5
    stand_in(monkeypatch, [Held(os.getpid(), GIB), Held(hidden, GIB)])

    assert crowding("cuda:0", own={os.getpid(), 123}) == ""
    assert "a process (pid" in crowding("cuda:0", own={os.getpid()})


def test_a_gpu_that_is_nearly_full_says_so_whoever_fills_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stand_in(monkeypatch, [], free=GIB, tells=False)
    assert "cuda:0 is nearly full: 1.0 GiB of 80.0 GiB are free" in crowding("cuda:0")
    assert read_meter("cuda:0").endswith("nearly full")

    stand_in(monkeypatch, [Held(2**22 + n, None) for n in range(5)], free=GIB)
    assert "and 2 more; 1.0 GiB of 80.0 GiB are free" in crowding("cuda:0")


def test_it_is_said_before_a_start(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del home
    stand_in(monkeypatch, [Held(os.getpid(), 20 * GIB)])
    said: list[str] = []
    monkeypatch.setattr(validate, "validate", lambda runs, home: Answer())
    monkeypatch.setattr(
        begin, "ensure_supervisor", lambda session: said.append(capsys.readouterr().err)
    )

    assert main(["run", "batch-32", "--detach"]) == 0

    assert "note: cuda:0 is shared" in said[0]


@pytest.mark.parametrize("value", ["0", "1.5", "-1", "half", "nan"])
def test_a_share_of_the_memory_is_above_zero_and_at_most_one(
    home: Path, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    del home
    assert main(["run", "batch-32", "--memory-fraction", value]) == 2
    assert "must be a number above 0 and at most 1" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["20", "-1", "x"])
def test_niceness_is_from_0_to_19(
    home: Path, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    del home
    assert main(["run", "batch-32", "--nice", value]) == 2
    assert "must be a whole number from 0 to 19" in capsys.readouterr().err


def test_share_and_niceness_are_put_down_and_hold_for_further_runs(home: Path) -> None:
    del home
    library = Library.open()
    plan = make_plan(Request(("batch-32",), device="cpu", memory_fraction=0.5, nice=12), library)
    (run,) = plan.runs
    further = further_run(plan.session, [run], library.preset("batch-128"))

    assert (run.memory_fraction, run.nice) == (further.memory_fraction, further.nice) == (0.5, 12)
    assert command_of(run, library).endswith("--device cpu --memory-fraction 0.5 --nice 12")


def test_runs_on_the_cpu_yield_a_little_and_on_a_gpu_not(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del home
    stand_in(monkeypatch, [])

    (cpu,) = make_plan(Request(("batch-32",), device="cpu"), Library.open()).runs
    (gpu,) = make_plan(Request(("batch-32",)), Library.open()).runs

    assert (cpu.device, cpu.nice) == ("cpu", 5)
    assert (gpu.device, gpu.nice) == ("cuda:0", 0)


@pytest.mark.slow
def test_a_real_trainer_is_nice_and_says_what_a_pause_keeps(place: Path, home: Path) -> None:
    started = valtui(
        "run", "tiny", "--epochs", "400", "--nice", "7", "--memory-fraction", "0.5", "--device", "cpu",
        "--detach", cwd=place,
    )  # fmt: skip
    assert "note: --memory-fraction has no effect on the CPU." in started.stderr
    session = find_session(home, None)

    def pid() -> int | None:
        shown = json.loads(valtui("show", "--json", cwd=place).stdout)
        run = shown["runs"][0]
        return run["pid"] if run["state"] == "RUNNING" and run["step"] > 0 else None

    wait_until(pid, 120, "the first step")
    number = pid()
    assert number is not None
    assert os.getpriority(os.PRIO_PROCESS, number) == 7
    paused = valtui("pause", cwd=place).stdout
    ((paths, _),) = runs_of(session)
    spec = read_document(paths.spec, RunSpec)
    assert spec is not None
    assert spec.nice == 7
    assert "MB of memory stay taken" in paused
    valtui("stop", cwd=place)
