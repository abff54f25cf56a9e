"""Each claim of the theory, its figure over matched seeds, its rival, and the verdict by rule."""
