"""The made world: a grammar over the banks of `data/world`, its documents, and exact likelihoods."""
