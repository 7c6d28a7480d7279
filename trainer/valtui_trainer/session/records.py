"""Every record and document of the session folder, declared in one place.

JSON has no NaN: a float that is not finite is written as null, and `nf` says which it was.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from valtui_trainer.presets.types import Preset

SCHEMA = 1

NotFinite = dict[str, str]
DAMAGED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError)
"""What decoding anything but what was written here may raise."""

EXACT = 2**53
"""Larger whole numbers have no place of their own among floats."""

Place = Annotated[float, Meta(ge=0, le=EXACT)]
Whole = Annotated[int, Meta(ge=0, le=EXACT)]
"""What has a place on an axis, or in a file; a line where it has none is damaged."""

PLAIN = frozenset({float, int, type(None), dict})


class Train(Struct, kw_only=True, gc=False):
    """The training steps since the last record, of one seed.

    Attributes:
        n: number of the record in its file, from 0.
        time: seconds of training since the run began, over all attempts.
        step: optimizer steps done.
        epoch: epochs done, with their fraction; the step, where a program does not tell its epochs.
        train_loss: mean over the steps since the last record, in train mode.
        grad_norm: L2 norm of the last step's gradient.
        images_per_second: of the whole process (all its seeds), over the training steps alone.
    """

    n: int
    time: Place
    step: Whole
    epoch: Place
    seed: int
    train_loss: float | None
    train_loss_min: float | None
    train_loss_max: float | None
    learning_rate: float | None
    grad_norm: float | None
    images_per_second: float | None
    nf: NotFinite | None = None


class Val(Struct, kw_only=True, gc=False):
    """One evaluation of one seed on the whole validation set, in eval mode.

    Attributes:
        val_loss: mean cross-entropy over the samples, without label smoothing.
        train_eval_loss: the same on a fixed training subset, in eval mode; null where not measured.
        row: which row of `val_losses.f32` holds the per-sample losses, and its `crc` (CRC-32).
        val_loss_precise: the loss with exact BatchNorm statistics; null where that lens is off.
        val_loss_calibrated: the loss at `temperature`; null where that lens is off.
        val_loss_averaged: the loss of the averaged weights; null where that lens is off.
        seconds: what the evaluation took, without the lenses' extra passes.
        lens_seconds: what those took.
    """

    n: int
    time: Place
    step: Whole
    epoch: Place
    seed: int
    val_loss: float | None
    val_accuracy: float | None
    val_balanced_accuracy: float | None
    train_eval_loss: float | None = None
    val_loss_precise: float | None = None
    val_loss_calibrated: float | None = None
    temperature: float | None = None
    val_loss_averaged: float | None = None
    row: Whole | None = None
    crc: Whole | None = None
    seconds: float | None = None
    lens_seconds: float | None = None
    nf: NotFinite | None = None


class Event(Struct, kw_only=True):
    """Something that happened once: a phase, a checkpoint, an answered command, a warning."""

    n: int
    time: float
    kind: str
    step: int | None = None
    seed: int | None = None
    message: str = ""
    data: dict[str, Any] = field(default_factory=dict)


class Fork(Struct, frozen=True, kw_only=True):
    """A checkpoint of a run that something else starts from: a run beside, or a probe.

    Attributes:
        run: whose checkpoint it is.
        file, sha256: of the checkpoint.
        step, epoch: of the run, there.
        epochs: of the run's preset: what its learning-rate schedule spans; what starts from the fork
            keeps the learning rate that the schedule has there.
    """

    run: str
    file: str
    sha256: str
    step: int
    epoch: float
    epochs: float


Source = Literal["preset", "recorder", "watch"]
"""Who trains a run: our trainer from a preset; somebody's loop that holds a Recorder; a program whose log
is only watched. Only the first is stopped, paused, resumed by us."""


class RunSpec(Struct, frozen=True, kw_only=True):
    """`run.json`: what a run is. Written once, before its process exists.

    Attributes:
        fork: where it starts; None: from scratch. The checkpoint lies beside this file, as `start.pt`.
        proof: id of the proof it belongs to; empty: none.
        position: its place in the session, which decides its key and colour.
        data_root: where torchvision's sets lie or are downloaded to; empty: `data` in the home folder.
        allow_code: whether the model may be the user's own, `module:Class`.
        code_path: the folder that such a module is looked for in, after all that is installed.
        profile: whether its first attempt records where the time of some steps goes.
        memory_fraction: of the GPU's memory that it may take; None: all that is free.
        nice: by how much its processes yield to others, 0 to 19.
        source: who trains it. Where that is not us, `preset` holds no more than what is known of it, and
            what is shown and compared is `recorded`.
        recorded: the settings that the run's own program names.
        origin: the file or folder that is watched, or the script that records; empty: a preset of ours.
        builder: `module:function` that builds model, data and optimizer anew for probes and proofs;
            empty: none was handed over.
        undecayed: names of weights that weight decay leaves alone, in what `builder` builds.
    """

    id: str
    preset_name: str
    preset: Preset
    seeds: list[int]
    device: str
    threads: int
    position: int
    session: str
    data_root: str = ""
    allow_code: bool = False
    code_path: str = ""
    fork: Fork | None = None
    proof: str = ""
    profile: bool = False
    memory_fraction: float | None = None
    nice: int = 0
    source: Source = "preset"
    recorded: dict[str, Any] = field(default_factory=dict)
    origin: str = ""
    builder: str = ""
    undecayed: list[str] = []
    schema: int = SCHEMA


class SessionSpec(Struct, frozen=True, kw_only=True):
    """`session.json`: the first request. Written once.

    Attributes:
        settings: what `--set`, `--epochs`, `--seeds` and `--data` asked of every preset, by dotted
            key; a preset that is started later gets them too.
        memory_fraction, nice: of each run, likewise.
    """

    id: str
    created: str
    title: str
    study: str | None
    question: str
    presets: list[str]
    device: str
    parallel: int
    host: str
    versions: dict[str, str]
    command: list[str]
    settings: dict[str, Any] = field(default_factory=dict)
    allow_code: bool = False
    memory_fraction: float | None = None
    nice: int = 0
    schema: int = SCHEMA


CHECKS = (
    "frozen", "zero-learning-rate", "averaging", "last-batch", "batchnorm-memory", "order", "overlap",
    "resolution",
)  # fmt: skip

Outcome = Literal["sound", "doubtful", "failed", "unknown"]


class Check(Struct, frozen=True, kw_only=True):
    """What one check of the measurement found; the data of an event of the kind `check`.

    Attributes:
        check: one of CHECKS.
        outcome: sound; doubtful: worth knowing, and harmless where the volatility is small; failed:
            the measurement is wrong and everything else waits; unknown: it could not be made.
        figure: what was measured, in `unit`; None where nothing was.
        message: one sentence for a person, with the figure and what to do.
    """

    check: str
    outcome: Outcome
    message: str
    figure: float | None = None
    unit: str = ""


class Checked(Struct, frozen=True, kw_only=True):
    """`checks/<id>.json`: what the checks found on demand, at one checkpoint of a run. Written once.

    Attributes:
        attempt: the run's newest attempt then.
        step: of the checkpoint.
    """

    id: str
    created: str
    attempt: int
    step: int
    seed: int
    checkpoint: str
    checks: list[Check]
    schema: int = SCHEMA


class LensPlan(Struct, frozen=True, kw_only=True):
    """Whether a lens is on for a run; decided once, before its first step.

    Attributes:
        name: `exact-batchnorm`, `calibrated-outputs` or `averaged-weights`.
        cost: expected seconds of its extra passes over seconds of training; None where not measured.
        reason: why it is off, a sentence; empty where it is on.
    """

    name: str
    on: bool
    cost: float | None = None
    reason: str = ""


class Start(Struct, frozen=True, kw_only=True):
    """`start.json`: one attempt, as its process found the world.

    Attributes:
        by_class: whether the validation set was drawn by class (stratified), rather than given as it is.
        tells_epochs: whether another program says how many epochs it has done.

    Counts and sizes that a run of another program does not tell are 0, its digests empty.
    """

    attempt: int
    pid: int
    start_ticks: int
    boot_id: str
    host: str
    started: str
    device: str
    device_name: str
    from_step: int
    from_time: float
    checkpoint: str | None
    checkpoint_sha256: str | None
    log_every: int
    steps_per_epoch: int
    total_steps: int
    eval_every: int
    images_per_evaluation: float
    parameters: int
    train_size: int
    val_size: int
    test_size: int
    image_shape: list[int]
    classes: int
    balanced: bool
    data_digest: str
    split_digest: str
    validation_digest: str
    data_source: str
    notes: list[str]
    versions: dict[str, str]
    lenses: list[LensPlan] = []
    by_class: bool = True
    tells_epochs: bool = False
    schema: int = SCHEMA


Status = Literal["done", "stopped", "failed"]


class Final(Struct, frozen=True, kw_only=True):
    """`final.json`: how the trainer says it ended."""

    status: Status
    step: int
    epoch: float
    time: float
    ended: str
    reason: str = ""
    best_step: int | None = None
    best_val_loss: float | None = None
    test_loss: dict[str, float | None] | None = None
    test_accuracy: dict[str, float | None] | None = None
    peak_memory: int | None = None


class Exit(Struct, frozen=True, kw_only=True):
    """`exit.json`: how the supervisor saw the process end."""

    status: Literal["exited", "killed", "unknown", "stopped"]
    ended: str
    code: int | None = None
    signal: int | None = None
    reason: str = ""


class ProbeSpec(Struct, frozen=True, kw_only=True):
    """`probes/<id>/probe.json`: what a probe trains. Written once, before its process exists.

    The checkpoint lies beside it, as `start.pt`, until the probe ends.

    Attributes:
        run: the run that is probed; it is only read.
        arms: what is compared with the base, by id (`presets.arms`).
        replicas: K, of the base and of each arm; even, for the first look comes at half of them.
        evaluations: J, of each replica, at the run's own spacing.
        minutes: of wall time; what is not done by then is left out.
        pause_run: whether the run waits meanwhile (they share a device).
    """

    id: str
    created: str
    run: str
    fork: Fork
    arms: list[str]
    replicas: int
    evaluations: int
    minutes: float
    pause_run: bool = False
    schema: int = SCHEMA


class ArmLook(Struct, frozen=True, kw_only=True):
    """What a look at a probe found of one arm.

    Attributes:
        left: the arm's volatility over the base's, both relative to their loss; None: no estimate.
        low, high: 95 % F interval of `left`.
        replicas, evaluations: that it rests on, of the arm.
        mean_change: of the mean loss against the base's, as a fraction of it.
        note: why there is no figure, or a replica is missing; empty where all is well.
    """

    arm: str
    left: float | None
    low: float | None
    high: float | None
    replicas: int
    evaluations: int
    mean_change: float | None = None
    note: str = ""


class NoiseScale(Struct, frozen=True, kw_only=True):
    """The gradient noise scale at a checkpoint, in images (McCandlish 2018, A.1).

    Attributes:
        value: B_simple = S/|G|²; None where |G|² is not told from zero.
        low, high: 90 % interval; `high` None: unbounded.
        batches: that it rests on, of `batch_size` images each.
    """

    value: float | None
    low: float | None
    high: float | None
    batches: int
    batch_size: int
    note: str = ""


class ProbeResult(Struct, frozen=True, kw_only=True):
    """`probes/<id>/result.json`: how a probe ended, and what it found. Written once, at its end.

    Attributes:
        status: done; cancelled; out-of-time: the budget was over first; failed: `reason` says why.
        looks: at half and at all of the replicas, as many as were reached.
    """

    status: Literal["done", "cancelled", "out-of-time", "failed"]
    ended: str
    seconds: float
    reason: str = ""
    looks: list[list[ArmLook]] = []
    noise_scale: NoiseScale | None = None
    steps: int = 0
    engine: str = ""
    schema: int = SCHEMA


class ProofSpec(Struct, frozen=True, kw_only=True):
    """`proofs/<id>/proof.json`: what is to be proven, and what was predicted. Written once.

    Attributes:
        arm: arm or remedy, by id.
        run: the run it is about.
        arm_run, control_run: the runs beside; the control is `run` itself where that has enough
            later evaluations.
        predicted: the volatility left that probe or lens promised; None: nothing was predicted.
        predicted_low, predicted_high: its interval.
        predicted_by: `probe <id>`, `lens`, or empty.
    """

    id: str
    created: str
    run: str
    arm: str
    fork: Fork
    arm_run: str
    control_run: str
    predicted: float | None = None
    predicted_low: float | None = None
    predicted_high: float | None = None
    predicted_by: str = ""
    schema: int = SCHEMA


class ProofResult(Struct, frozen=True, kw_only=True):
    """`proofs/<id>/result.json`: what came out, at the look that decided. Written once.

    Attributes:
        outcome: as `measure.proof` has it.
        left: the arm's volatility over the control's after the fork; `low`, `high`: 96.7 % interval.
        evaluations: of each seed, at the look.
        mean_change: of the mean loss against the control's, as a fraction of it.
    """

    outcome: Literal["holds", "does-not-hold", "undecided"]
    decided: str
    left: float | None
    low: float | None
    high: float | None
    evaluations: int
    mean_change: float | None = None
    schema: int = SCHEMA


CommandName = Literal["start", "stop", "pause", "resume", "probe", "cancel"]


class Command(Struct, frozen=True, kw_only=True):
    """One wish of a screen or command line, answered by an event that names its id.

    `probe` and `cancel` name a probe in `probe`.
    """

    id: str
    command: CommandName
    run: str | None = None
    spec: RunSpec | None = None
    probe: str | None = None


class LossesHeader(Struct, frozen=True, kw_only=True):
    """What the raw rows of `val_losses.f32` are: float32, little-endian, `columns` to a row."""

    columns: int
    validation_digest: str
    dtype: str = "<f4"
    schema: int = SCHEMA


class Heartbeat(Struct, frozen=True, kw_only=True):
    """The 256 bytes a trainer rewrites once a second; no wall clock is trusted.

    Attributes:
        beat, loop: counters of the thread that beats and of the training loop.
        at, loop_at: when this was written, and when the loop last moved, in seconds of the
            monotonic clock of the boot whose id begins with `boot`.
        deadline: how many seconds the loop may stand still, or None for any.
        left: estimated seconds to the end.
        memory: peak bytes on the device.
    """

    beat: int = 0
    loop: int = 0
    at: float = 0.0
    loop_at: float = 0.0
    boot: str = ""
    phase: str = "starting"
    deadline: float | None = 60.0
    step: int = 0
    total: int = 0
    rate: float = 0.0
    left: float | None = None
    memory: int = 0


def mark_not_finite(record: Train | Val) -> None:
    """Set `nf` of a record from its float fields, which are left as they are.

    Scalars of numpy and torch become plain numbers first.
    """
    found: NotFinite = {}
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if type(value) not in PLAIN and hasattr(value, "item"):
            value = value.item()
            setattr(record, name, value)
        if isinstance(value, float) and not math.isfinite(value):
            found[name] = "nan" if math.isnan(value) else ("+inf" if value > 0 else "-inf")
    record.nf = found or None


def restore_not_finite(record: Train | Val) -> None:
    """Put NaN and infinity back where `nf` says they were."""
    if record.nf:
        values = {"nan": math.nan, "+inf": math.inf, "-inf": -math.inf}
        for name, word in record.nf.items():
            if name in record.__struct_fields__ and word in values:
                setattr(record, name, values[word])


def encode(record: Struct) -> bytes:
    """Return `record` as strict JSON without a line end."""
    return msgspec.json.encode(record)
