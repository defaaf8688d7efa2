"""What goes wrong on demand: the kinds of fault, and which of them is due for whom. No sockets here.

kinds, catalogue    what `POST /_simulator/faults` takes, and the list of it that `GET` answers
active, plan        faults that go on, and which of them is due for whom
frames, rewriting   what becomes of data frames: lost, changed, doubled, swapped, held back
verdicts            what becomes of a REST request and its answer
"""
