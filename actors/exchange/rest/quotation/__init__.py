"""REST's market data: what is said of the markets, as JSON with plain numbers.

documents    the shapes of answers
listing      which markets are asked for, and the list of all
tickers, orderbooks, trades, candles    the handlers
routes       which path is answered by what
"""
