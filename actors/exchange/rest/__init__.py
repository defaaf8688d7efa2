"""REST: a request becomes an answer, by the exchange's rules and without I/O.

messages, errors         what was asked and what is answered; refusals
bodies, parameters       what a request says, and how each kind of value is read
keys, authorization      who may act for which account, and what a token has signed
limits                   how often an address or an account may ask
routes, service          what is served, and the order in which a request is judged
quotation                market data
orders                   accounts and orders
"""
