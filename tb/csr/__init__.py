"""Environment of the registers."""
