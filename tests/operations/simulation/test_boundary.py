"""The fleet knows nothing of the server but its HTTP API."""

import ast
from pathlib import Path

from partner_api.operations import simulation


def test_the_fleet_is_a_stranger_to_the_server() -> None:
    ours = ("partner_api.kernel.", simulation.__name__)
    for module in Path(*simulation.__path__).glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("partner_api"):
                assert (node.module or "").startswith(ours), module
