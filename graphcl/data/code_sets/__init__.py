"""Source code as graphs: syntax trees with the words of their leaves and the uses of their names."""
