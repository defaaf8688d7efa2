"""What is to run, as the owner wrote it: settings, read and checked as a whole before anything starts."""
