"""`build=`: a recorded run can be probed and proven, for a function builds its model, data and optimizer anew."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from support.commands import probed_by_command, valtui, wait_until
from support.recorded import Loop, recording
from valtui.cli.main import main
from valtui_trainer import Recorder
from valtui_trainer.session.built import BUILDING, as_tried
from valtui_trainer.session.checkpoints import fork
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.history import read_history
from valtui_trainer.session.listing import find_session, runs_of
from valtui_trainer.session.records import RunSpec
from valtui_trainer.training.built import load
from valtui_trainer.training.models import ModelError

CUDA = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
SCRIPT = Path(__file__).parents[1] / "support" / "mytraining.py"


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Forget after each test what was imported to be built."""
    before = list(sys.path)
    yield
    os.environ.pop(BUILDING, None)
    sys.modules.pop("mytraining", None)
    sys.path[:] = before
    load.build.cache_clear()


@pytest.fixture
def script(tmp_path: Path, digits: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A training of somebody's own in a folder of its own, on a few digits."""
    del home
    folder = tmp_path / "theirs"
    folder.mkdir()
    path = folder / "mytraining.py"
    path.write_text(SCRIPT.read_text().replace("DIGITS.npz", str(digits)))
    monkeypatch.chdir(tmp_path)
    return path


def trained(script: Path, epochs: int = 2) -> subprocess.CompletedProcess[str]:
    """Run the training as its author would."""
    return subprocess.run(
        [sys.executable, str(script), str(epochs)], capture_output=True, text=True, check=True
    )


def the_run(home: Path) -> tuple[Any, Any, RunSpec]:
    """Return session, run and what it is."""
    session = find_session(home, None)
    ((run, spec),) = runs_of(session)
    return session, run, spec


def test_what_it_saw_of_the_training_completes_the_run(script: Path, home: Path) -> None:
    done = trained(script)
    _, run, spec = the_run(home)

    tried = as_tried(run, spec)

    assert done.stderr == ""
    assert spec.builder == "mytraining:build"
    assert spec.code_path == str(script.parent)
    assert (tried.device, tried.threads) == ("cpu", 1)
    assert tried.preset.batch_size == 16
    assert (tried.preset.optimizer.name, tried.preset.learning_rate) == ("adam", 3e-3)
    assert (tried.preset.weight_decay, tried.preset.model.dropout) == (1e-3, 0.2)
    assert tried.preset.eval_every == pytest.approx(0.25)
    assert [path.name for path in sorted(run.checkpoints.iterdir())] == [
        "step-000000035.pt", "step-000000040.pt"
    ]  # fmt: skip


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=CUDA)])
def test_a_replica_at_the_checkpoint_is_the_recorded_model(
    script: Path, home: Path, tmp_path: Path, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from valtui_trainer.training.assemble import build_replica, prepare
    from valtui_trainer.training.devices import open_for
    from valtui_trainer.training.evaluator import Evaluator
    from valtui_trainer.training.fork import read_start, take_over
    from valtui_trainer.training.same_data import refuse_other_data

    monkeypatch.setenv("DEVICE", device)
    trained(script)
    _, run, spec = the_run(home)
    tried = as_tried(run, spec)
    begin = fork(run, tried, tmp_path / "start.pt")
    place = open_for(tried)
    material = prepare(tried, home, place)
    refuse_other_data(run, material, "the test")
    replica = build_replica(tried, 7, material, place, 1)
    take_over(replica, read_start(tmp_path / "start.pt", begin), 0)
    evaluator = Evaluator(tried.preset, material.train_set, material.val_set, [replica.model], 20)

    found = evaluator.evaluate(0, replica.model)

    (logged,) = [one for _, one in read_history(run).val if one.step == begin.step]
    assert place.type == device
    assert found.loss == pytest.approx(logged.val_loss, abs=1e-6 if device == "cpu" else 1e-3)
    assert found.accuracy == logged.val_accuracy
    assert len(replica.optimizer.state) == len(list(replica.model.parameters()))


@pytest.mark.slow
def test_probe_and_proof_work_as_for_runs_of_ours(script: Path, home: Path, tmp_path: Path) -> None:
    trained(script)
    session, run, _ = the_run(home)

    arms = ("learning-rate-half", "weight-decay-off", "dropout-off")
    probed = probed_by_command(session.id, run.id, *arms, evaluations=6, cwd=tmp_path)
    assert probed["state"] == "DONE", probed
    look = probed["looks"][-1]
    assert {one["arm"] for one in look} == set(arms)
    assert all(one["left"] is not None and one["replicas"] == 4 for one in look)

    valtui("prove", session.id, run.id, "learning-rate-half", "--detach", cwd=tmp_path)
    wait_until(lambda: len(runs_of(session)) == 3, 60, "the runs beside")

    def states() -> list[str]:
        shown = json.loads(valtui("show", session.id, "--json", cwd=tmp_path).stdout)
        return [one["state"] for one in shown["runs"]]

    wait_until(lambda: states().count("DONE") == 3, 200, "their end")
    found = json.loads(valtui("causes", session.id, run.id, "--json", cwd=tmp_path).stdout)
    (proof,) = found["runs"][0]["proofs"]
    assert proof["arm"] == "learning-rate-half"
    assert proof["outcome"] in ("holds", "does-not-hold", "undecided")
    compared = json.loads(valtui("compare", session.id, "--json", cwd=tmp_path).stdout)
    (beside,) = [one for one in compared["runs"] if one["id"] == f"{run.id}~learning-rate-half"]
    assert beside["differs"]["learning_rate"] == pytest.approx(1.5e-3)


def test_augmentation_is_their_own(
    script: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained(script)
    session, run, _ = the_run(home)

    assert main(["probe", session.id, run.id, "--arms", "augmentation-off", "--plan"]) == 2
    assert "is the data set's own, which no setting changes" in capsys.readouterr().err


def test_training_with_it_is_equal_to_the_bit(digits: Path, home: Path) -> None:
    del home
    without = Loop(digits).run(2)
    loop = Loop(digits)
    with Recorder(
        "x", build="mytraining:build", steps_per_epoch=10, checkpoint_seconds=0
    ) as recorder:

        def each(loop: Loop, step: int) -> None:
            if step % 5 == 0:
                recorder.evaluate(
                    loop.model, loop.val_loader, step=step, train_loader=loop.train_loader,
                    optimizer=loop.optimizer,
                )  # fmt: skip

        assert loop.run(2, each) == without


def refusal(home: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Return why a probe of the newest recorded run is refused."""
    session, run, _ = the_run(home)
    capsys.readouterr()
    assert main(["probe", session.id, run.id, "--plan"]) == 2
    return capsys.readouterr().err


Change = Callable[[Loop], dict[str, Any]]


def apart(model: nn.Module, **settings: Any) -> list[dict[str, Any]]:
    """Return the biases of a model as a group of its own, with settings of its own."""
    biases = [one for name, one in model.named_parameters() if name.endswith("bias")]
    others = [one for name, one in model.named_parameters() if not name.endswith("bias")]
    return [{"params": others}, {"params": biases, **settings}]


def in_batches_of_its_own(loop: Loop) -> DataLoader[Any]:
    """Return the loop's training set in batches that a list names."""
    data: Any = loop.train_loader.dataset
    return DataLoader(data, batch_sampler=[[0, 1, 2], [3, 4]])


def with_optimizer(make: Callable[[Any], torch.optim.Optimizer]) -> Change:
    """Return a change of a loop's optimizer."""

    def change(loop: Loop) -> dict[str, Any]:
        loop.optimizer = make(loop.model)
        return {}

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (with_optimizer(lambda model: torch.optim.RMSprop(model.parameters())), "its optimizer is RMSprop"),
        (with_optimizer(lambda model: torch.optim.Adam(apart(model, lr=1e-4))), "groups of weights that differ in lr"),
        (with_optimizer(lambda model: torch.optim.SGD(apart(model, weight_decay=0.1), 0.1, weight_decay=0.2)), "several weight decays"),
        (with_optimizer(lambda model: torch.optim.Adam(model.parameters(), amsgrad=True)), "its optimizer sets amsgrad"),
        (with_optimizer(lambda model: torch.optim.SGD(list(model.parameters())[:2], 0.1)), "does not hold all weights"),
        (lambda loop: {"steps_per_epoch": None}, "was not told steps_per_epoch"),
        (lambda loop: {"steps_per_epoch": len(loop.train_loader) // 2}, "takes 2 batches together"),
        (lambda loop: {"optimizer": None}, "has seen too little yet"),
        (lambda loop: {"train_loader": None}, "was given no train_loader"),
        (lambda loop: {"train_loader": in_batches_of_its_own(loop)}, "is a DataLoader with a batch_size"),
    ],
)  # fmt: skip
def test_what_cannot_be_tried_says_so_and_the_loop_goes_on(
    digits: Path, home: Path, capsys: pytest.CaptureFixture[str], change: Change, words: str
) -> None:
    loop = Loop(digits)
    given = {"steps_per_epoch": 10, **change(loop)}
    with Recorder(
        "x", build="mytraining:build", steps_per_epoch=given["steps_per_epoch"], checkpoint_seconds=0
    ) as recorder:  # fmt: skip

        def each(loop: Loop, step: int) -> None:
            if step % 5 == 0:
                recorder.evaluate(
                    loop.model, loop.val_loader, step=step,
                    train_loader=given.get("train_loader", loop.train_loader),
                    optimizer=given.get("optimizer", loop.optimizer),
                )  # fmt: skip

        loop.run(2, each)

    assert words in refusal(home, capsys)


def test_of_a_training_in_several_processes_nothing_is_tried(
    script: Path, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    trained(script)

    assert "it trains in several processes at once" in refusal(home, capsys)


def test_a_function_that_no_other_process_finds_is_refused_at_once(
    digits: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loop = Loop(digits)

    def nested() -> None: ...

    for build in (nested, "nonsense", loop.run):
        with Recorder("x", build=build, steps_per_epoch=10) as recorder:
            loop.run(1, recording(recorder))
    err = capsys.readouterr().err
    assert "another process can import" in err
    assert "must be module:function" in err
    _, run, spec = runs_and_specs(home)[0]
    assert spec.builder == ""
    assert run.folder.exists()


def runs_and_specs(home: Path) -> list[tuple[Any, Any, RunSpec]]:
    """Return the run of each session."""
    return [
        (find_session(home, folder.name), *runs_of(find_session(home, folder.name))[0])
        for folder in sorted((home / "sessions").iterdir())
    ]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import nothing_of_that_name\n", "cannot be called (ModuleNotFoundError: No module named 'nothing_of_that_name')"),
        ("def build():\n    return {}\n", "model, train_loader, val_loader are missing"),
        ("def build():\n    return dict(model=1, train_loader=1, val_loader=1)\n", "model is a int"),
        ("def build():\n    raise SystemError('no disk')\n", "no disk"),
        (None, "cannot be called"),
    ],
)  # fmt: skip
def test_code_that_changed_since_is_a_sentence(
    script: Path, home: Path, code: str | None, words: str
) -> None:
    trained(script)
    _, run, spec = the_run(home)
    script.unlink() if code is None else script.write_text(code)

    with pytest.raises(ModelError) as raised:
        load.parts_of(as_tried(run, spec))

    assert words in str(raised.value)


def test_a_script_that_trains_when_it_is_imported_is_stopped(
    script: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    trained(script)
    _, run, spec = the_run(home)
    script.write_text(script.read_text().replace('if __name__ == "__main__":', "if True:"))
    monkeypatch.setattr(sys, "argv", ["x", "1"])

    with pytest.raises(ModelError, match="trains as soon as it is imported"):
        load.parts_of(as_tried(run, spec))


def test_a_set_that_augments_is_asked_each_time_and_one_that_does_not_is_kept(digits: Path) -> None:
    from valtui_trainer.training.built.sets import ItemSet, TensorSet, training_batches

    cpu = torch.device("cpu")
    plain = training_batches(Loop(digits).train_loader, cpu, 1 << 40)
    random = training_batches(Loop(digits, augmented=True).train_loader, cpu, 1 << 40)
    large = training_batches(Loop(digits).train_loader, cpu, 100)
    rows = torch.tensor([5, 3, 3])

    assert isinstance(plain, TensorSet)
    assert isinstance(random, ItemSet)
    assert isinstance(large, ItemSet)
    assert torch.equal(plain.batch(rows)[0], large.batch(rows)[0])
    assert torch.equal(plain.batch(rows)[1], random.batch(rows)[1])
    images, _ = random.batch(rows)
    assert not torch.equal(images[1], images[2])


def test_weights_in_another_order_and_frozen_ones_find_their_state_again() -> None:
    from valtui_trainer.recorder.keeping import state_of

    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    model[0].bias.requires_grad_(False)
    optimizer = torch.optim.SGD(reversed(list(model.parameters())), 0.1, momentum=0.9)
    model(torch.ones(4, 2)).sum().backward()
    optimizer.step()

    state = state_of(optimizer, model)

    trained_ones = [one for one in model.parameters() if one.requires_grad]
    assert list(state["state"]) == [0, 1, 2]
    for place, weight in enumerate(trained_ones):
        held = state["state"][place]["momentum_buffer"]
        assert torch.equal(held, optimizer.state[weight]["momentum_buffer"])
    assert state["param_groups"][0]["params"] == [0, 1, 2]


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.Adam, torch.optim.SGD])
def test_weights_that_decay_leaves_alone_are_left_alone_in_a_replica_too(
    kind: Callable[..., torch.optim.Optimizer],
) -> None:
    from valtui_trainer.recorder.keeping import preset_of, state_of, undecayed_in
    from valtui_trainer.training.optimization import build_optimizer

    torch.manual_seed(0)
    theirs = nn.Sequential(nn.Linear(20, 10), nn.BatchNorm1d(10), nn.ReLU(), nn.Linear(10, 3))
    optimizer = kind(apart(theirs, weight_decay=0.0), lr=0.1, weight_decay=0.3)
    loader = DataLoader(TensorDataset(torch.rand(8, 20)), batch_size=4)

    def train(model: nn.Module, with_optimizer: torch.optim.Optimizer) -> None:
        for (images,) in loader:
            with_optimizer.zero_grad()
            model(images).square().mean().backward()
            with_optimizer.step()

    train(theirs, optimizer)
    undecayed = undecayed_in(optimizer, theirs)
    ours = copy.deepcopy(theirs)
    alone = [ours.get_parameter(name) for name in undecayed]
    preset = preset_of("", theirs, optimizer, loader)
    built = build_optimizer(ours.parameters(), preset, torch.device("cpu"), alone)
    built.load_state_dict(copy.deepcopy(state_of(optimizer, theirs)))
    train(theirs, optimizer)
    train(ours, built)

    assert undecayed == ["0.bias", "1.bias", "3.bias"]
    assert preset.weight_decay == 0.3
    for name, weight in theirs.named_parameters():
        torch.testing.assert_close(ours.get_parameter(name), weight, rtol=0, atol=1e-6)


def test_groups_that_do_not_differ_are_one() -> None:
    from valtui_trainer.recorder.keeping import state_of, undecayed_in, why_not

    model = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(apart(model), weight_decay=0.0)
    loader = DataLoader(TensorDataset(torch.rand(8, 3)), batch_size=4)

    assert why_not(optimizer, model, loader, 2) == ""
    assert undecayed_in(optimizer, model) == []
    assert [group["params"] for group in state_of(optimizer, model)["param_groups"]] == [[0, 1]]


def test_a_learning_rate_that_ends_at_0_leaves_what_was_kept_before(
    digits: Path, home: Path, tmp_path: Path
) -> None:
    loop = Loop(digits)
    with Recorder(
        "x", build="mytraining:build", steps_per_epoch=10, checkpoint_seconds=0
    ) as recorder:

        def each(loop: Loop, step: int) -> None:
            if step == 20:
                loop.optimizer.param_groups[0]["lr"] = 0.0
            if step % 5 == 0:
                recorder.evaluate(
                    loop.model, loop.val_loader, step=step, train_loader=loop.train_loader,
                    optimizer=loop.optimizer,
                )  # fmt: skip

        loop.run(2, each)

    _, run, spec = the_run(home)
    tried = as_tried(run, spec)
    assert tried.preset.learning_rate == 3e-3
    assert fork(run, tried, tmp_path / "start.pt").step == 15


def test_with_a_loss_of_their_own_nothing_is_tried_and_it_is_said(
    digits: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loop = Loop(digits)

    def doubled(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return 2 * functional.cross_entropy(logits, labels, reduction="none")

    with Recorder("x", build="mytraining:build", steps_per_epoch=10, loss=doubled) as recorder:
        loop.run(1, recording(recorder))

    assert "with a loss of your own there are none" in capsys.readouterr().err
    _, run, spec = the_run(home)
    assert spec.builder == ""
    assert read_history(run).val


class Endless(IterableDataset[tuple[torch.Tensor, torch.Tensor]]):
    """Images that can only be asked for one after another."""

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        while True:
            yield torch.zeros(1, 8, 8), torch.tensor(0)


def test_sets_that_can_only_be_gone_through_are_refused() -> None:
    loader = DataLoader(Endless(), batch_size=4)
    model = nn.Linear(2, 2)

    for name in ("train_loader", "val_loader"):
        made = {"model": model, "train_loader": other(), "val_loader": other(), name: loader}
        with pytest.raises(ModelError, match=f"{name} is no DataLoader over a set whose items"):
            load.checked(made, "mine:build")


def other() -> DataLoader[Any]:
    """Return a loader that will do."""
    return DataLoader(TensorDataset(torch.zeros(4, 1, 8, 8), torch.zeros(4)), batch_size=2)


def test_another_validation_set_than_was_recorded_is_refused(
    script: Path, home: Path, tmp_path: Path
) -> None:
    trained(script)
    session, run, _ = the_run(home)
    script.write_text(script.read_text().replace('part("val")', 'part("train")'))

    done = valtui(
        "probe", session.id, run.id, "--arms", "learning-rate-half", "--replicas", "2",
        "--evaluations", "3", cwd=tmp_path, check=1,
    )  # fmt: skip

    assert "is not that of" in done.stdout + done.stderr


def test_a_damaged_sidecar_is_a_sentence(script: Path, home: Path) -> None:
    trained(script)
    _, run, spec = the_run(home)
    (run.folder / "built.json").write_text("{")

    with pytest.raises(SessionError, match=r"built\.json: is damaged"):
        as_tried(run, spec)
    (run.folder / "built.json").unlink()
    with pytest.raises(SessionError, match="has seen too little yet"):
        as_tried(run, spec)
    assert as_tried(run, msgspec.structs.replace(spec, builder="")).builder == ""
