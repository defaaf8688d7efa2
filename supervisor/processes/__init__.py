"""Doing it to one process: start, watch, listen, stop, collect."""
