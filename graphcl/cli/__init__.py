"""The command line: one command a file, no heavy import before it is needed."""
