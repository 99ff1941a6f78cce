"""Answers from a finished run: recommend, score, similar, embed."""
