"""`python -m valtui_trainer.supervise FOLDER`: supervise the session in FOLDER."""

import signal
import sys
from pathlib import Path

from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.supervise.supervisor import supervise

if __name__ == "__main__":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    supervise(SessionPaths(Path(sys.argv[1])))
