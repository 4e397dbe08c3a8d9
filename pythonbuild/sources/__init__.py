"""Fetches and verifies pinned files: the one place, with ``debian``, that uses the network.

``places`` says where a file may be had, in which order; ``web`` asks a host, and remembers which hosts do not answer;
``cache`` keeps what was verified; ``fetch`` goes from place to place until a verified copy is there; ``resolve`` turns
a series into the newest pin that can be had; ``update`` looks for releases newer than the pins.
"""
