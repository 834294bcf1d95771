"""Attacks on a running Grux, each with figures and bounds: `python -m bench.attack`."""
