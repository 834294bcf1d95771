"""Grux in its large form, on one machine: `python -m bench.scale --help`."""
