"""Verification of rtl/prim: every output bit of every cycle against models/dsp58.py."""
