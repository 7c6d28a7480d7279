"""What a screen on a session hands on: pictures of what it shows, and the command that repeats a run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual import work

from valtui.feed import RunFeed, SessionFeed
from valtui.screens.base import SizedScreen, gone
from valtui_trainer.presets.errors import PresetError
from valtui_trainer.session.safe import safe

if TYPE_CHECKING:
    from valtui.export.picture.scene import Scene

READ_SECONDS = 12
PICTURE = (900.0, 420.0)


class HandOnCommands(SizedScreen[None]):
    """A screen on one session, of which something can be handed on."""

    feed: SessionFeed
    _reading: asyncio.Lock

    def scenes(self) -> list[tuple[str, Scene]]:
        """Return what is shown as drawings with names; called in a thread, while nothing is read."""
        raise NotImplementedError

    def run_to_repeat(self) -> RunFeed | None:
        """Return the run under the cursor."""
        raise NotImplementedError

    @work(exclusive=True, group="picture", description="draw pictures")
    async def action_picture(self) -> None:
        """Save pictures of what is shown, as SVG and PNG."""
        async with self._reading:
            text, failed = await asyncio.to_thread(self._save)
        if not gone(self):
            self.notify(
                text, severity="error" if failed else "information", markup=False,
                timeout=READ_SECONDS,
            )  # fmt: skip

    def _save(self) -> tuple[str, bool]:
        """Save the pictures; return what to say, and whether they could not be saved."""
        import numpy as np

        from valtui.export.picture.save import folder_for, save

        try:
            folder = folder_for(self.feed.paths.folder.parents[1])
            with np.errstate(all="ignore"):
                scenes = self.scenes()
            stems = save(scenes, self.feed.name or self.feed.spec.title, folder)
        except OSError as error:
            return f"No picture could be written ({safe(str(error.strerror or error))}).", True
        if not stems:
            return "There is nothing to draw yet.", False
        names = "\n".join(safe(f"{stem.name}.svg, .png") for stem in stems)
        return f"Pictures in {safe(str(folder))}:\n{names}", False

    def action_copy(self) -> None:
        """Copy the command that repeats the run, and show it: not every terminal takes a copy."""
        from valtui_trainer.presets.library import Library
        from valtui_trainer.supervise.repeating import command_of

        run = self.run_to_repeat()
        if run is None:
            return
        try:
            command = command_of(run.spec, Library.open())
        except PresetError as error:
            self.notify(safe(str(error)), severity="warning", markup=False, timeout=READ_SECONDS)
            return
        self.app.copy_to_clipboard(command)
        self.notify(
            safe(command), title="Copied, where the terminal takes it", markup=False, timeout=READ_SECONDS,
        )  # fmt: skip
