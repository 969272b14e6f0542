"""Shared by every environment: the runner, coverage, seeds, stream agents."""
