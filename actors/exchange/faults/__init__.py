"""What goes wrong on demand: the kinds of fault, and which of them is due for whom. No sockets here.

kinds    what `POST /_simulator/faults` takes
"""
