"""Examples put together from those of the single fields, so that each is said once."""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_GIVEN = {"example", "examples"}
_SHOWN = {"examples", "default", "const", "enum", "$ref"}


def add_examples(operation: Mapping[str, Any], schemas: Mapping[str, Schema]) -> None:
    """Give an operation's parameters, body and answers the examples they lack."""
    for parameter in operation.get("parameters", ()):
        if _SHOWN & parameter["schema"].keys() and not _GIVEN & parameter.keys():
            parameter["example"] = example(parameter["schema"], schemas)
            parameter["schema"].pop("examples", None)
    for media in _media(operation):
        if not _GIVEN & media.keys():
            media.update(_examples_of_media(media["schema"], schemas))


def example(schema: Schema, schemas: Mapping[str, Schema]) -> Any:
    """What a schema itself shows, or its first choice, or its parts' examples put together.

    Raises KeyError for a part that must be there and shows nothing.
    """
    if "examples" in schema:
        return schema["examples"][0]
    for key in ("example", "default", "const"):
        if key in schema:
            return schema[key]
    if "enum" in schema:
        return schema["enum"][0]
    if "$ref" in schema or "oneOf" in schema:
        meant = schemas[_name(schema)] if "$ref" in schema else schema["oneOf"][0]
        return example(meant, schemas)
    if "items" in schema:
        return [example(schema["items"], schemas)]
    return _object(schema, schemas)


def _object(schema: Schema, schemas: Mapping[str, Schema]) -> dict[str, Any]:
    """Every field that must be there or has an example to show."""
    required = schema.get("required", ())
    return {
        name: example(field, schemas)
        for name, field in schema["properties"].items()
        if name in required or _GIVEN & field.keys()
    }


def _examples_of_media(schema: Schema, schemas: Mapping[str, Schema]) -> dict[str, Any]:
    choices = schema.get("anyOf", ())
    if not choices:
        return {"example": example(schema, schemas)}
    named = {_name(choice): {"value": example(choice, schemas)} for choice in choices}
    return {"examples": named}


def _media(operation: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for part in (operation.get("requestBody", {}), *operation["responses"].values()):
        yield from part.get("content", {}).values()


def _name(reference: Schema) -> str:
    name: str = reference["$ref"].rpartition("/")[2]
    return name
