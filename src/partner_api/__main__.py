"""`python -m partner_api`, the same as the command `partner-api`."""

from partner_api.cli import main

main()
