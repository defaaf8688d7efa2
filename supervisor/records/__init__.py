"""What is kept of what happened: logs, the history of the tree, reports of ends."""
