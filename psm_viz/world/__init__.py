"""The made world: a grammar over `data/world`, its documents, and exact likelihoods."""
