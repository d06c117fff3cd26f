import pkgutil

import pytest

# What helpers assert is told as in tests: with the values.
pytest.register_assert_rewrite(
    *(f"{__name__}.{each.name}" for each in pkgutil.iter_modules(__path__))
)
