"""Recipe -> parts -> loop -> run. Knows no method by name."""
