"""From what a program left behind (the exchange's journal, its output, its source) to a verdict for each item."""
