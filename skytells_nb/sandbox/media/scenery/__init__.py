"""The backdrops: sky, land, water, trees, towns, and what falls from above."""
