"""The wire between actors: frames, messages with epoch and sequence, outboxes, continuity."""
