"""Placing the schema on a PostgreSQL distributed by Citus, which the operator brings.

Nothing of Citus is imported or shipped: these modules send SQL. See docs/distribution.md.
"""
