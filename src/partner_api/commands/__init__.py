"""The commands of `partner-api`: what each one takes, runs and prints.

The table in `partner_api.cli` names them; a module is loaded when one of its own is asked for.
"""
