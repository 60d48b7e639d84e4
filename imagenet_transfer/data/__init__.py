"""Data sets: from the layouts on disk to packed stores and region proposals."""
