"""Ids for tables of cases, the same in every run, so that cases have the same names."""

NOBODYS = "9a40e6c2-2f0f-4f6f-9b39-d8a7a0a3c1fe"
