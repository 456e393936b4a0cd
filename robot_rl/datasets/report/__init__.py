"""A data set on one page: `gather` reads, `sections` and `write` show."""
