"""`python -m clfadmin.tied PARENT MODULE [ARGUMENT ...]`: become `python -m MODULE`, and end when PARENT does.

On Linux the kernel sends SIGTERM when the parent dies, however it dies. Elsewhere there is no such thing: what is left
over is ended at the next start (clfadmin/leftovers.py).
"""

import ctypes
import os
import signal
import sys

# From linux/prctl.h. Kept across execv, but not across fork: a child must ask for it itself.
PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    # It may have died before we asked.
    if os.getppid() == int(parent):
        os.execv(sys.executable, [sys.executable, "-m", *command])  # noqa: S606 - the point of this file


if __name__ == "__main__":
    main()
