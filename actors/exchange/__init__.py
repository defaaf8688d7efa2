"""The simulated exchange: one seeded log of orders and trades, and everything that the real one serves as views of it.

units, events, book          numbers, the event log, one market's book of orders
day, candles, market         what follows from the log for one market
universe, quoting            which markets there are; the background traders that make them live
accounts, trader             orders and balances of an account; a seeded trader that uses one
simulation                   all of the above under one clock that the caller owns
views, streams, hub          what is sent: messages, subscriptions, fan-out
replay                       recorded frames instead of a market
http, connection, faults, server, actor    the sockets, and how it is run
"""
