"""Consumer actors: what a trader watches, each in a process of its own."""
