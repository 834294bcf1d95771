"""`python -m services` starts everything on this machine, `python -m services api` only the api."""

from __future__ import annotations

import sys

from shared.version import VERSION

NOT_INSTALLED = """\
The packages that Grux needs are not installed in {python} ({name} is missing).
  Start Grux with `make run`, which installs them into .venv. After that, this works as well:
  .venv/bin/python -m services"""


def main() -> None:
    """Start what the arguments name, in this process."""
    if "--version" in sys.argv[1:]:
        print(f"Grux {VERSION}")
        return
    # Imported here: nothing may be installed yet, and a service alone does not need `run_all`.
    if len(sys.argv) > 1:
        from services.run import run_service  # noqa: PLC0415

        run_service.run(sys.argv[1:])
    else:
        from services.run import run_all  # noqa: PLC0415

        sys.exit(run_all.main())


if __name__ == "__main__":
    try:
        main()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "services", "shared"):
            raise
        sys.exit(NOT_INSTALLED.format(python=sys.executable, name=package))
