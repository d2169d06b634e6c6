"""The names of the schema's versions, without the code that applies them: what a job checks."""

MIGRATIONS = ("0001_initial",)
