"""What networks compute from images, and what is measured in it."""
