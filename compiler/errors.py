"""The compiler's exception."""


class CompileError(ValueError):
    """A checkpoint or a size that cannot be compiled; one line that names the offending tensor, key or buffer."""
