"""Processes that do one thing each: connections, consumers, the simulated exchange; and what they all run in."""
