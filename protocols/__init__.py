"""What is said on every wire, and the rules of it: no I/O, no clock, no await.

`upbit` is the exchange, `channel` is actor to actor, `control` is supervisor to actor. The modules beside them hold
state machines and rules that belong to no wire. Time and randomness are always arguments.
"""
