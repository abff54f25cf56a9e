"""The derived tables of a study: computed once from what it holds and stored with it."""
