"""Structure from motion: images or a video without poses become a scene that ``map`` reads."""
