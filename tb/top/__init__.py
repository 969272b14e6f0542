"""Whole programs on the accelerator, compared as memory images."""
