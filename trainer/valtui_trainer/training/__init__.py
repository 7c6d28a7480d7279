"""Training: data, augmentation, models, the loop and its evaluations. The only room with torch."""
