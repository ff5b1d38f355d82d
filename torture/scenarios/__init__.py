"""What is done, and what must hold after it: one function for each check, small or large by its arguments.

Each returns its counts, and raises AssertionError when the rule that its docstring states is broken.
"""
