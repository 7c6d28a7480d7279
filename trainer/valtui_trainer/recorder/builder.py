"""The function that builds a training anew: where it is found again by another process."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

Build = Callable[[], Any]


def reference(build: Build | str) -> tuple[str, str]:
    """Return `module:function` of a function, and the folder that its module is looked for in.

    Raises:
        ValueError: another process could not find it again.
    """
    if isinstance(build, str):
        module, colon, name = build.partition(":")
        if not colon or not module or not name:
            raise ValueError(f"build={build!r} must be module:function")
        return build, os.getcwd()
    name = getattr(build, "__qualname__", "")
    if not name or "<" in name or inspect.ismethod(build):
        raise ValueError("build must be a function of a module, which another process can import")
    holder = sys.modules.get(build.__module__)
    if holder is None or build.__module__ == "__main__":
        return of_script(holder, name)
    return f"{build.__module__}:{name}", root_of(holder)


def of_script(module: ModuleType | None, name: str) -> tuple[str, str]:
    """Return the reference of a function in the program that was started."""
    spec = getattr(module, "__spec__", None)
    if spec is not None:  # python -m package.module
        return f"{spec.name}:{name}", os.getcwd()
    file = getattr(module, "__file__", None)
    if not file or not Path(file).stem.isidentifier():
        raise ValueError("build must be a function in a file that can be imported as a module")
    return f"{Path(file).stem}:{name}", str(Path(file).resolve().parent)


def root_of(module: ModuleType) -> str:
    """Return the folder from which a module is imported by its whole name."""
    file = getattr(module, "__file__", None)
    if not file:
        return os.getcwd()
    path = Path(file).resolve()
    depth = module.__name__.count(".") + (path.stem == "__init__")
    return str(path.parents[depth])
