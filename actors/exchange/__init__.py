"""The simulated exchange: one seeded log of orders and trades, and everything that the real one serves as views of it.

Each room uses only the ones above it; `actor` opens the whole house, on its own or as a child of the tree.

market     numbers, the event log, and what follows from it for one market
trading    who makes the log grow: background traders and accounts, under one clock that the caller owns
sources    where frames come from, a simulation or a recording, and which connection gets which
wire       the sockets: WebSockets, REST, faults, and nothing of markets
settings, actor    how it is run
"""
