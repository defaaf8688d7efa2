"""The background traders, who make markets live: all of them belong to nobody, and every decision comes from the seed.

regimes            calm, trend, crash and pump, as a schedule
quoting            the traders of one market: they keep its book full, trade, and change their minds
past, past_days    trades of the days before the start, and day candles of the year before those
turns              all markets, and which of them acts next
"""
