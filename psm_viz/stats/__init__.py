"""Arrays in, numbers with interval, null and p out: knows no file, no study, no cast."""
