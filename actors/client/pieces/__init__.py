"""What programs around a client need again and again."""
