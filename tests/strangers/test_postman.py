"""A collection imported from the document works as it comes."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.strangers import postman
from tests.strangers.conftest import Fleet

pytestmark = pytest.mark.tools


def successes(document: Path) -> dict[tuple[str, str], set[int]]:
    """What each operation answers when all is well."""
    paths: dict[str, Any] = yaml.safe_load(document.read_text(encoding="utf-8"))["paths"]
    return {
        (method.upper(), path): {int(status) for status in operation["responses"] if status < "3"}
        for path, operations in paths.items()
        for method, operation in operations.items()
    }


def test_every_request_of_the_collection_succeeds(
    document: Path, fleet: Fleet, tmp_path: Path
) -> None:
    collection = postman.filled(postman.imported(document), fleet)
    answers = postman.run(collection, tmp_path)
    documented = successes(document)
    assert {(method, path) for method, path, _ in answers} == documented.keys() - {postman.ENDLESS}
    unexpected = [answer for answer in answers if answer[2] not in documented[answer[:2]]]
    assert unexpected == []
