"""The tree while it runs: carries out what the machine decides, and keeps its history."""
