"""REST: a request becomes an answer, by the exchange's rules and without I/O.

messages    what was asked and what is answered
keys        who may act for which account
limits      how often an address may ask
service     the routes
"""
