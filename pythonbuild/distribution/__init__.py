"""Assembles a distribution, describes it in PYTHON.json, packs it, and reads archives back."""
