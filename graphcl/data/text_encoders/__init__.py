"""Texts of nodes as rows of features."""

from graphcl.data.text_encoders.base import Encoder, TextEncoder, TextOptions
from graphcl.data.text_encoders.fit import fit_text_encoder, restore_text_encoder

__all__ = ["Encoder", "TextEncoder", "TextOptions", "fit_text_encoder", "restore_text_encoder"]
