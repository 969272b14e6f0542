"""Bit-exact models of the accelerator, one module per RTL block."""
