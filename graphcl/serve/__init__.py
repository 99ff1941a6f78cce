"""Answers from a finished run: recommendations, scores, neighbours, embeddings."""
