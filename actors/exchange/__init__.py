"""The simulated exchange: one seeded log of orders and trades, and everything that the real one serves as views of it.

Each room uses only the ones above it; `actor` opens the whole house, on its own or as a child of the tree.

market     numbers, the event log, and what follows from it for one market
background the traders that make markets live, and the past before the start
trading    accounts and their orders; markets, background and accounts under one clock that the caller owns
sources    where frames come from, a simulation or a recording, and which connection gets which
rest       requests become answers, by the exchange's rules
faults     what goes wrong on demand, and for whom it is due
journal    what was sent to whom, written down; and its comparison with what a consumer got
wire       the sockets: WebSockets, HTTP, faults at work, and nothing of markets
settings, quirks, actor    how it is run
"""
