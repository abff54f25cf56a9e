"""What is derived from a study's files: comparisons, tables, maps, nulls, validation."""
