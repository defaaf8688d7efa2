"""The course: chapters to read, and the check of a learner's own programs against the simulated exchange."""
