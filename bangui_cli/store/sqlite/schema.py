"""The names of the schema's versions, without the code that applies them: what a job checks."""

MIGRATION_SET = "bangui"
MIGRATIONS = ("0001_initial", "0002_memory")
