"""Random rooms and houses, rendered and developed into photos whose right answer is known."""
