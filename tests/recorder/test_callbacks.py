"""The callbacks for Lightning and the Hugging Face Trainer, in the real libraries."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from support.commands import probed_by_command
from valtui_trainer.session.built import as_tried
from valtui_trainer.session.checkpoints import checkpoints_of
from valtui_trainer.session.history import History, read_history
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.listing import runs_of, session_names, statuses
from valtui_trainer.session.records import RunSpec

LIGHTNING = """
    import {package} as lightning, torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset
    from valtui_trainer.recorder.lightning import RecorderCallback

    class Module(lightning.LightningModule):
        def __init__(self, lr=0.1):
            super().__init__()
            self.save_hyperparameters()
            self.layer = nn.Linear(4, {outputs})

        def forward(self, images):
            return self.layer(images)

        def training_step(self, batch, index):
            {fail}
            return nn.functional.cross_entropy(self(batch[0]), batch[1])

        def validation_step(self, batch, index):
            self.log("val_loss", nn.functional.cross_entropy(self(batch[0]), batch[1]))

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)

    data = TensorDataset(torch.randn(32, 4), torch.arange(32) % 3)
    trainer = lightning.Trainer(
        max_epochs=4, logger=False, enable_progress_bar=False, enable_model_summary=False,
        accelerator="cpu", enable_checkpointing=False, callbacks=[RecorderCallback("theirs", {options})],
    )
    trainer.fit(Module(), DataLoader(data, 8, shuffle=True), DataLoader(data, 16))
"""

HUGGING_FACE = """
    import torch
    from torch import nn
    from transformers import Trainer, TrainingArguments
    from valtui_trainer.recorder.huggingface import RecorderCallback

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, pixel_values=None, labels=None):
            logits = self.layer(pixel_values)
            loss = nn.functional.cross_entropy(logits, labels) if labels is not None else None
            return {"loss": loss, "logits": logits}

    data = [{"pixel_values": torch.randn(4), "labels": int(i % 3)} for i in range(32)]
    arguments = TrainingArguments(
        "hf", num_train_epochs=4, per_device_train_batch_size=8, eval_strategy="steps", eval_steps=4,
        logging_steps=1, save_strategy="no", report_to=[], use_cpu=True, disable_tqdm=True,
    )
    Trainer(
        Net(), arguments, train_dataset=data, eval_dataset=data[:16],
        callbacks=[RecorderCallback("theirs")],
    ).train()
"""


OF_IMAGES = """
    import torch
    from torch import nn
    from torch.utils.data import DataLoader
    from transformers import Trainer, TrainingArguments
    from valtui_trainer.recorder.huggingface import RecorderCallback

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 4, 3)
            self.norm = nn.LayerNorm([4, 6, 6])
            self.head = nn.Linear(144, 3)

        def forward(self, pixel_values=None, labels=None):
            logits = self.head(self.norm(self.conv(pixel_values)).relu().flatten(1))
            loss = nn.functional.cross_entropy(logits, labels) if labels is not None else None
            return {"loss": loss, "logits": logits}

    def data():
        dice = torch.Generator().manual_seed(0)
        return [
            {"pixel_values": torch.randn(1, 8, 8, generator=dice), "labels": i % 3} for i in range(32)
        ]

    def build():
        return {
            "model": Net(),
            "train_loader": DataLoader(data(), batch_size=8, shuffle=True),
            "val_loader": DataLoader(data()[:16], batch_size=8),
        }

    def main():
        arguments = TrainingArguments(
            "hf", num_train_epochs=6, per_device_train_batch_size=8, eval_strategy="steps", eval_steps=2,
            logging_steps=1, save_strategy="no", report_to=[], use_cpu=True, disable_tqdm=True,
            weight_decay=0.1, learning_rate=1e-2,
        )
        Trainer(
            Net(), arguments, train_dataset=data(), eval_dataset=data()[:16],
            callbacks=[RecorderCallback("theirs", build=build, checkpoint_seconds=0)],
        ).train()

    if __name__ == "__main__":
        main()
"""


def recorded(program: str, place: Path, home: Path) -> tuple[str, RunSpec, History, str]:
    """Let a program train; return the run's state, what it is, what was recorded, and what it printed."""
    script = place / "mytraining.py"
    script.write_text(textwrap.dedent(program))
    done = subprocess.run(
        [sys.executable, str(script)], cwd=place, capture_output=True, text=True, check=False
    )
    assert session_names(home), done.stderr[-2000:]
    session = SessionPaths(home / "sessions" / session_names(home)[0])
    ((run, spec),) = runs_of(session)
    return statuses(session)[spec.id].state, spec, read_history(run), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("package", ["lightning", "pytorch_lightning"])
def test_one_line_records_a_fit_of_lightning_with_its_lenses(
    package: str, home: Path, tmp_path: Path
) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    program = LIGHTNING.format(package=package, outputs=3, fail="pass", options="")

    state, spec, history, said = recorded(program, tmp_path, home)

    assert (state, spec.recorded) == ("DONE", {"lr": 0.1}), said
    assert [record.step for _, record in history.val] == [4, 8, 12, 16]
    assert [record.epoch for _, record in history.val] == [1.0, 2.0, 3.0, 4.0]
    assert all(record.row is not None for _, record in history.val)
    assert all(record.train_eval_loss is not None for _, record in history.val)
    assert history.train[-1].step == 16
    assert history.train[-1].learning_rate == 0.1


@pytest.mark.slow
def test_with_a_function_that_builds_it_a_fit_of_lightning_can_be_tried(
    home: Path, tmp_path: Path
) -> None:
    if importlib.util.find_spec("lightning") is None:
        pytest.skip("lightning is not installed")
    options = 'build="theirs:build", checkpoint_seconds=0'
    program = LIGHTNING.format(package="lightning", outputs=3, fail="pass", options=options)

    _, spec, history, said = recorded(program, tmp_path, home)

    session = SessionPaths(home / "sessions" / session_names(home)[0])
    run = session.run(spec.id)
    tried = as_tried(run, spec)
    assert (tried.preset.optimizer.name, tried.preset.learning_rate) == ("sgd", 0.1), said
    assert (tried.preset.batch_size, tried.preset.eval_every) == (8, 1.0)
    assert [one.step for one in checkpoints_of(run)] == [16, 12]
    assert history.starts[-1].steps_per_epoch == 4


@pytest.mark.slow
def test_a_fit_that_fails_is_noted_with_its_reason(home: Path, tmp_path: Path) -> None:
    if importlib.util.find_spec("lightning") is None:
        pytest.skip("lightning is not installed")
    program = LIGHTNING.format(
        package="lightning", outputs=3, fail="raise ValueError('no')", options=""
    )

    state, _, _, said = recorded(program, tmp_path, home)

    assert state == "FAILED"
    assert "ValueError: no" in said


@pytest.mark.slow
def test_a_fit_that_is_interrupted_is_stopped_and_its_loss_is_that_of_a_batch(
    home: Path, tmp_path: Path
) -> None:
    if importlib.util.find_spec("lightning") is None:
        pytest.skip("lightning is not installed")
    program = LIGHTNING.format(
        package="lightning",
        outputs=3,
        options="",
        fail="if self.global_step == 3: raise KeyboardInterrupt",
    )
    program = program.replace("max_epochs=4", "max_epochs=20, accumulate_grad_batches=4")
    program = program.replace("return nn.functional", "return 4.0 + 0.0 * nn.functional")

    state, _, history, said = recorded(program, tmp_path, home)

    assert state == "STOPPED", said
    assert {record.train_loss for record in history.train} == {4.0}


ODD = HUGGING_FACE.replace(
    "eval_dataset=data[:16],",
    'eval_dataset={"one": data[:16], "two": data[16:]}, '
    'compute_metrics=lambda _: {"accuracy": {"accuracy": 0.9}},',
)


@pytest.mark.slow
def test_several_sets_and_odd_metrics_of_hugging_face_neither_stop_it_nor_make_seams(
    home: Path, tmp_path: Path
) -> None:
    if importlib.util.find_spec("transformers") is None:
        pytest.skip("transformers is not installed")

    state, _, history, said = recorded(ODD, tmp_path, home)

    assert state == "DONE", said
    assert [record.step for _, record in history.val] == [4, 8, 12, 16]
    assert history.train[-1].step == 16
    assert len(history.starts) == 1
    assert "of several evaluations at one step" in said


@pytest.mark.slow
def test_logged_metrics_that_are_no_numbers_do_not_stop_a_training(
    home: Path, tmp_path: Path
) -> None:
    if importlib.util.find_spec("transformers") is None:
        pytest.skip("transformers is not installed")
    program = HUGGING_FACE.replace(
        'RecorderCallback("theirs")', 'RecorderCallback("theirs", evaluate=False)'
    ).replace("eval_dataset=data[:16],", "eval_dataset=data[:16], compute_metrics=lambda _: {'accuracy': {}},")  # fmt: skip

    state, _, history, said = recorded(program, tmp_path, home)

    assert state == "DONE", said
    assert [(record.step, record.val_accuracy) for _, record in history.val] == [
        (4, None), (8, None), (12, None), (16, None)
    ]  # fmt: skip


@pytest.mark.slow
def test_one_line_records_a_training_of_hugging_face(home: Path, tmp_path: Path) -> None:
    if importlib.util.find_spec("transformers") is None:
        pytest.skip("transformers is not installed")

    state, spec, history, said = recorded(HUGGING_FACE, tmp_path, home)

    assert state == "DONE", said
    assert spec.recorded["per_device_train_batch_size"] == 8
    assert [record.step for _, record in history.val] == [4, 8, 12, 16]
    assert all(record.row is not None for _, record in history.val)
    assert history.train[-1].step == 16


@pytest.mark.slow
def test_with_a_function_that_builds_it_a_training_of_hugging_face_is_probed(
    home: Path, tmp_path: Path
) -> None:
    if importlib.util.find_spec("transformers") is None:
        pytest.skip("transformers is not installed")

    state, spec, history, said = recorded(OF_IMAGES, tmp_path, home)

    session = SessionPaths(home / "sessions" / session_names(home)[0])
    tried = as_tried(session.run(spec.id), spec)
    assert state == "DONE", said
    assert (tried.preset.optimizer.name, tried.preset.weight_decay) == ("adamw", 0.1)
    assert tried.undecayed == ["conv.bias", "norm.weight", "norm.bias", "head.bias"]
    assert (tried.preset.batch_size, tried.preset.eval_every) == (8, 0.5)
    assert history.starts[-1].steps_per_epoch == 4
    arms = ("learning-rate-half", "weight-decay-off")
    probed = probed_by_command(session.id, spec.id, *arms, evaluations=4, cwd=tmp_path)
    assert probed["state"] == "DONE", probed
    assert {one["arm"] for one in probed["looks"][-1]} == set(arms)
