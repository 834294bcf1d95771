"""The programs that `python -m services` and the Makefile run."""
