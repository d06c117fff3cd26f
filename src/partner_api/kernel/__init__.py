"""What every package may lean on: clock, ids, errors, paging, timestamps, text."""
