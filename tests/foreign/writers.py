"""Programs that train a little and log with a tool's own library: what `valtui watch` then has to read."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

TENSORBOARD = """
    from torch.utils.tensorboard import SummaryWriter
    writer = SummaryWriter("tb/run1")
    for epoch in range(12):
        for step in range(3):
            writer.add_scalar("Loss/train", 2 / (3 * epoch + step + 1), 3 * epoch + step)
        writer.add_scalar("Loss/val", 1 + epoch % 3, 3 * epoch + 2)
        writer.add_scalar("Accuracy/val", epoch / 12, 3 * epoch + 2)
    writer.close()
"""

WANDB = """
    import wandb
    settings = wandb.Settings(console="off", disable_git=True, x_disable_stats=True, silent=True)
    run = wandb.init(project="p", config={"lr": 0.1}, settings=settings)
    for step in range(12):
        run.log({"train/loss": 1 / (step + 1), "val/loss": 1.0 + step % 3, "val/accuracy": step / 12})
    run.finish()
"""

KERAS = """
    import keras, numpy as np
    images = np.random.rand(32, 8).astype("float32")
    labels = (images.sum(1) > 4).astype("int32")
    model = keras.Sequential([keras.layers.Input((8,)), keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    log = keras.callbacks.CSVLogger("keras.csv")
    model.fit(images, labels, epochs=12, validation_split=0.25, verbose=0, callbacks=[log])
"""

HUGGING_FACE = """
    import torch
    from torch import nn
    from transformers import Trainer, TrainingArguments

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, x=None, labels=None):
            logits = self.layer(x)
            return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}

    data = [{"x": torch.randn(4), "labels": int(i % 3)} for i in range(32)]
    arguments = TrainingArguments(
        "hf", num_train_epochs=6, per_device_train_batch_size=8, eval_strategy="steps", eval_steps=2,
        logging_steps=2, save_steps=8, report_to=[], use_cpu=True, disable_tqdm=True,
    )
    Trainer(Net(), arguments, train_dataset=data, eval_dataset=data[:16]).train()
"""

LIGHTNING = """
    import lightning, torch
    from lightning.pytorch.loggers import CSVLogger
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    class Module(lightning.LightningModule):
        def __init__(self, lr=0.1):
            super().__init__()
            self.save_hyperparameters()
            self.layer = nn.Linear(4, 3)

        def training_step(self, batch, index):
            loss = nn.functional.cross_entropy(self.layer(batch[0]), batch[1])
            self.log("train_loss", loss)
            return loss

        def validation_step(self, batch, index):
            self.log("val_loss", nn.functional.cross_entropy(self.layer(batch[0]), batch[1]))

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)

    data = TensorDataset(torch.randn(32, 4), torch.arange(32) % 3)
    trainer = lightning.Trainer(
        max_epochs=12, logger=CSVLogger("pl"), enable_progress_bar=False, log_every_n_steps=2,
        enable_model_summary=False, accelerator="cpu", enable_checkpointing=False,
    )
    trainer.fit(Module(), DataLoader(data, 8), DataLoader(data, 16))
"""

ULTRALYTICS = """
    import numpy as np
    from PIL import Image
    from pathlib import Path
    from ultralytics import YOLO

    draws = np.random.default_rng(0)
    for part in ("train", "val"):
        for name in ("a", "b"):
            folder = Path("images") / part / name
            folder.mkdir(parents=True)
            for number in range(4):
                pixels = draws.integers(0, 255, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    YOLO("yolo11n-cls.yaml").train(
        data=str(Path("images").absolute()), epochs=12, imgsz=32, batch=4, device="cpu", workers=0,
        project=str(Path("ul").absolute()), name="run1", plots=False, save=False, amp=False, verbose=False,
    )
"""


def log(program: str, folder: Path, **environment: str) -> None:
    """Let `program` train and log in `folder`.

    Raises:
        AssertionError: it failed; the text is what it printed.
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=folder, capture_output=True, text=True, check=False, timeout=240,
        env={
            **os.environ, "WANDB_MODE": "offline", "KERAS_BACKEND": "torch", "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1", "YOLO_OFFLINE": "true",
            "YOLO_CONFIG_DIR": str(folder), **environment,
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
