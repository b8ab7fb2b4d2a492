"""Who and what stands in a scene: animals, people and things, drawn from smooth outlines."""
