"""Clients of ws of all manners."""
