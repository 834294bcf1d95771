"""Builds with the tools of other people: `make test-toolchains`."""
