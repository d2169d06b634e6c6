"""A report as one page: what it tells, as a value, and the value as HTML."""
