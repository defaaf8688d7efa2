"""The wire between the supervisor and each child: one socketpair, a few messages."""
