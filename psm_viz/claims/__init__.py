"""What runs of the small model say about the theory: each claim's figure, rival and verdict."""
