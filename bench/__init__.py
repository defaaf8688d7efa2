"""Speed of the whole path, against the script that an owner would write by hand: `make bench`."""
