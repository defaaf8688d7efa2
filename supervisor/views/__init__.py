"""What commands show of a tree: pictures and tables for people, and the same for programs."""
