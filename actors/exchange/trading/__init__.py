"""Who trades: each of them places, takes and cancels in the markets, and the log tells the desk what became of it.

quoting                the background traders that make a market live
account, order, desk   balances, orders and fills; out come messages about orders and assets
trader                 a seeded user of one account
simulation             markets, quoting and trader under one clock; out come trades and account messages
"""
