"""Connection actors: the exchange on one side, a channel on the other; sockets, reconnects, budgets and keys."""
