"""One market: orders and trades go into the event log, and everything that can be said of the market comes out of it.

units                exact amounts and price units
events, book         the log, and one market's resting orders
candles, day         what follows from its trades: candles of all lengths, the day, 24 hours, 52 weeks
archive              the trades of the past that can still be asked for
market, universe     all of that for one market; which markets there are
views                what is said of a market: the messages that the exchange sends
"""
