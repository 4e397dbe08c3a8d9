"""Checks on distributions: each a small function with an id and a reason, in one table (checks.py)."""
