"""Accounts trade: their orders are placed, taken and cancelled in the markets, and the log tells what became of them.

amounts                decimals that are never rounded
terms, refusals        what an owner asks of an order; what the exchange says when it does not take it
account, order         balances; one order with its fills
account_orders         the orders of one account, open and finished
order_events           what the private stream says about an order
settlement             what trades do to orders and balances
admission, matching    whether an order may come in; how it meets the book
delays                 what was accepted and takes effect a moment later
watching               reserved orders and their triggers
desk, ledger           the one way for an account to trade; the truth about all accounts
trader                 a seeded user of one account
simulation             markets, background and accounts under one clock; out come trades and account messages
venue                  a simulation with its clock, for REST
"""
