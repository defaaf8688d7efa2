"""REST's private side: accounts and orders, as one account sees and changes them.

amounts     amounts and times as the exchange writes them
documents   orders, fills and balances as JSON shapes
averages    what each currency of an account was bought for
selection   how queries choose among an account's orders: ids, states, pages, time windows
accounts    balances, and what may be ordered in a market
entry       placing, testing and replacing orders
cancelling  cancelling one, several and all
queries     looking orders up
routes      which path is answered by what
"""
