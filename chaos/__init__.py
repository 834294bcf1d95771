"""Breaks Grux on purpose, from a seed, and checks that it holds what it promises.

docs/reliability.md says what that is.
"""
