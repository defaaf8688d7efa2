"""Actor to actor: publishing and serving on one side, dialling and asking on the other."""
