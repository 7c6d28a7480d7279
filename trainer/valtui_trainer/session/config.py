"""The user's defaults: `config.toml` in the config folder. A file that is wrong hinders nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from msgspec import Meta, Struct, field

from valtui_trainer.presets.errors import PresetError

News = Literal["end", "failure", "overfitting", "volatility"]


class Notify(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What tells a person who does not look.

    Attributes:
        bell: ring the terminal's bell while the screen is open.
        command: of the user's own, run for each piece of news with VALTUI_EVENT, VALTUI_SESSION,
            VALTUI_RUN and VALTUI_MESSAGE in its environment, whether or not a screen is open; empty: none.
        on: what is news: the end of a run, its failure, overfitting, volatility above the threshold.
        volatility: the threshold, in % of the loss over the last 10 evaluations (left out: none).
    """

    bell: bool = False
    command: str = ""
    on: tuple[News, ...] = ("end", "failure", "overfitting", "volatility")
    volatility: Annotated[float, Meta(gt=0, le=1e6)] | None = None


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`config.toml`.

    Attributes:
        home: where sessions are kept; --home and $VALTUI_HOME go before it.
        theme: of the screen, by its name in the command palette.
        palette: colours of the curves: Okabe and Ito's or Tol's, told apart by the colour-blind, or greys.
        mouse: whether the screen takes the mouse; --no-mouse goes before it.
        keys: as in keys.toml, such as "live.stop" = "f9".
    """

    home: str = ""
    theme: str = ""
    palette: Literal["okabe-ito", "tol", "grey"] = "okabe-ito"
    mouse: bool = True
    keys: dict[str, str] = {}
    notify: Notify = field(default_factory=Notify)


def config_path() -> Path:
    """Return where the user's defaults are."""
    return Path(platformdirs.user_config_dir("valtui")) / "config.toml"


def read_config() -> tuple[Config, str]:
    """Return the user's defaults, and a sentence where their file is wrong and they are not used."""
    path = config_path()
    if not os.path.lexists(path):
        return Config(), ""
    from valtui_trainer.presets.read import convert, read_table

    try:
        return convert(read_table(path), Config, path), ""
    except PresetError as error:
        said = str(error).removesuffix(", so it is no preset.").rstrip(".")
        return Config(), f"{said}. None of its settings are used."
