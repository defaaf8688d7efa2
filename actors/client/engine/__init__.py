"""The thread that holds a process's links to its tree, whatever loop the user's program runs in."""
