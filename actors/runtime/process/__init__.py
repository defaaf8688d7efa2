"""The process of an actor: safe from its first milliseconds, led over the control link, watched by its black box."""
