"""A subscriber for analysis ports whose owner has several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyuvm import uvm_component, uvm_subscriber


class Sink(uvm_subscriber):
    """Hands what it gets to a function."""

    def __init__(self, name: str, parent: uvm_component, function: Callable[[Any], None]) -> None:
        super().__init__(name, parent)
        self.function = function

    def write(self, tt: Any) -> None:
        self.function(tt)
