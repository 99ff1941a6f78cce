"""Augmenters: graph -> graph, operator -> operator, latent -> latent. Each a plain function and a module."""
