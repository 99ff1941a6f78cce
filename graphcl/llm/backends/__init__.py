"""Who answers: an endpoint that speaks OpenAI's API, a local folder of weights, or a function."""

from graphcl.llm.backends.base import Answer, Backend, Fault
from graphcl.llm.backends.double import DoubleBackend
from graphcl.llm.backends.openai import OpenAIBackend
from graphcl.llm.backends.transformers import TransformersBackend

__all__ = ["Answer", "Backend", "DoubleBackend", "Fault", "OpenAIBackend", "TransformersBackend"]
