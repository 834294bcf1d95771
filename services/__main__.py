"""`python -m services`: everything on this machine; `python -m services api`: that part alone."""

from __future__ import annotations

import sys

from services.run import run_service

if __name__ == "__main__":
    if len(sys.argv) > 1:
        run_service.run(sys.argv[1:])
    else:  # imported here: a part alone should not pay for it
        from services.run import run_all

        sys.exit(run_all.main())
