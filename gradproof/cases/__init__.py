"""What is asked: random inputs of every formula, by regime and seed. No answers."""
