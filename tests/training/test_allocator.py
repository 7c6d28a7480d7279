"""Memory that a training step frees stays with the process: the next step takes it as it is."""

from __future__ import annotations

import platform
import resource
import subprocess
import sys

import pytest

STEPS = """
import resource
import torch
from torch import nn
from valtui_trainer.training.devices import open_device

open_device("cpu", 1)
model = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.LazyLinear(10))
images = torch.zeros(512, 1, 28, 28)


def fetched():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


for step in range(20):
    if step == 10:
        before = fetched()
    model(images).sum().backward()
    model.zero_grad()
print(fetched() - before)
"""


ONE_ACTIVATION = 512 * 16 * 26 * 26 * 4 // resource.getpagesize()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone is asked to")
def test_what_a_step_frees_is_not_fetched_from_the_system_again() -> None:
    told = subprocess.run([sys.executable, "-c", STEPS], capture_output=True, text=True, check=True)

    pages_in_ten_steps = int(told.stdout)

    assert pages_in_ten_steps < 5 * ONE_ACTIVATION  # of the dozens that ten steps free
