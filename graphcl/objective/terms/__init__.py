"""The losses of the framework, one a file: each a part that reads addresses, over a plain function on tensors."""
