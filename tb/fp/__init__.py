"""Verification of rtl/fp: every bit of every operator against models/numerics.py."""
