"""Ground truth for tests: what the exchange did, written down, and a comparison with what a consumer wrote down.

lines, journal         what is written of each event; the file, written in bulk
disclosure             what may be said of keys and settings
ledger                 balances, orders and fills of every account, as one document
identity, comparison   which message is which; two lists of one stream compared (pure)
journal_file, trace_file    the two files read, line by line
verification           both files compared, in bounded memory
"""
