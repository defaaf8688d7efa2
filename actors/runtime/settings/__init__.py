"""An actor's import path and its settings table, and what is wrong with them."""
