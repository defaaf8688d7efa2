"""The order book of one market as a window in the terminal; see `actors.commands.book`.

shown     what is known: book, ticker, connection, a switch to another market on its way
lines     from that to lines of a given width and height: a pure function
levels    which steps a market can be grouped by
spelling  prices and sizes in the market's own digits
pace      when the next frame is due
prompt    from keys to commands
terminal  the screen and the keyboard
window    subscriptions, keys and frames at work
"""
