"""Image data: load, check, split, describe and feed. Only `feeder` and torchvision's sets load torch."""
