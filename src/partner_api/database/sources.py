"""SQL kept in files beside the code that calls it."""

from importlib.resources import files


def sql_file(path: str) -> str:
    """The text of a `.sql` file of this package, such as `ingest/sql/check_in_group.1.sql`.

    A merged file never changes, because a migration reads it: write the next number beside it.
    """
    return files("partner_api").joinpath(path).read_text(encoding="utf-8")
