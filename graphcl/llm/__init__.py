"""Language models as a source of node texts: prompts, requests and their answers, and experts that need no model.

Nothing here knows of tensors: texts come in, texts go out.
"""
