# mypy: ignore-errors
"""Checks every example of a document against its schema; prints those that do not fit."""

import sys
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator

document = yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8"))


def media_of(part):
    """Every part of a document that has a schema and examples beside it."""
    if isinstance(part, list):
        part = dict(enumerate(part))
    if isinstance(part, dict):
        if isinstance(part.get("schema"), dict):
            yield part
        for item in part.values():
            yield from media_of(item)


def examples_of(media):
    if "example" in media:
        yield media["example"]
    for named in media.get("examples", {}).values():
        yield named["value"]


checked = 0
for media in media_of(document):
    # The references in a schema begin at the document's root.
    validator = Draft202012Validator({**media["schema"], "components": document["components"]})
    for example in examples_of(media):
        checked += 1
        for error in validator.iter_errors(example):
            sys.exit(f"{example}: {error.message}")
sys.stdout.write(f"{checked} examples fit\n")
