"""Environment of the scheduler: random programs, units that take any time, every error."""
