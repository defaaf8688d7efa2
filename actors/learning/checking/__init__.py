"""Running a learner's program against a simulated exchange of its own."""
