"""The made world: grammar, documents, curriculum, exact likelihood, ideal observer."""
