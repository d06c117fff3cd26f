"""Statements put together from parts, every value a parameter."""


class Parameters:
    """Numbers the values of one statement as they are mentioned."""

    def __init__(self, *values: object) -> None:
        self.values: list[object] = list(values)

    def add(self, value: object) -> str:
        """Take a value; returns how the statement refers to it, such as `$3`."""
        self.values.append(value)
        return f"${len(self.values)}"
