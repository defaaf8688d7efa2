"""The supervisor: starts, watches, restarts and stops processes. It knows no exchange."""
