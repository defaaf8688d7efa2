"""What the command line needs around any command: early signals, stdout that ends, whose packages, variables."""
