"""The four sources of persons: each sees the same nation on its own day, in its own units and codes."""
