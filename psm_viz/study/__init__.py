"""A study: its types, its folder on disk, and the field's file formats."""
