"""Sets of sounds: each a chain of log-mel frames."""
