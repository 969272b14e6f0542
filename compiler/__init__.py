"""Compiler: a diffusers Latte checkpoint and a configuration -> program, weight image and memory map
(docs/compiler.md)."""
