"""What `upbitd demo` is made of.

place       the temporary directory, the log that would tear the screen, the port
settings    the default tree with the simulated exchange before it
snapshot    what is known at one moment, asked from the same sockets as everybody asks
rows        a snapshot as rows of text; view, plain: a snapshot as a whole screen, as one line
screens     writing to the terminal without ever holding up the supervisor
"""
