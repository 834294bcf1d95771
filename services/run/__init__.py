"""Everything on this machine in one command: what `python -m services` is made of."""
