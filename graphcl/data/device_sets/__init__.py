"""Sets of records that several devices measured at once."""
