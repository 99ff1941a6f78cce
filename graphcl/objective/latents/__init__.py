"""Latent augmenters that are made of the kernels, or read rows of other addresses."""
