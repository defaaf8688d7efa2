"""What to do: events in, actions out. No process, no clock, no log."""
