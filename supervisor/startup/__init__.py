"""What the command line needs around any command: signals that come early, stdout that ends, whose packages."""
