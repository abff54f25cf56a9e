"""The study of a real small chat model: its lessons, its branches, and how all of it is rebuilt."""
