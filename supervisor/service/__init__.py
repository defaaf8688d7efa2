"""How the supervisor lives among those who run it: a service manager, a container, a terminal, or as PID 1."""
