"""`python -m services` starts everything on this machine, `python -m services api` only the api."""

from __future__ import annotations

import sys

from services.run import run_service

if __name__ == "__main__":
    if len(sys.argv) > 1:
        run_service.run(sys.argv[1:])
    else:  # imported here, because a service alone does not need it
        from services.run import run_all

        sys.exit(run_all.main())
