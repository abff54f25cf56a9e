"""The model trained in the made world: recipe, training, probes, runs, the shipped study."""
