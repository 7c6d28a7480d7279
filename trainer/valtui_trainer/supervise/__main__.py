"""`python -m valtui_trainer.supervise FOLDER`: supervise the session in FOLDER."""

import signal
import sys
from pathlib import Path

from valtui_trainer.session.layout import SessionPaths, check_own
from valtui_trainer.supervise.supervisor import supervise

if __name__ == "__main__":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    folder = Path(sys.argv[1])
    check_own(folder)
    supervise(SessionPaths(folder))
