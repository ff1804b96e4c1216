"""The example: reviews, two jobs that read them in parallel, and what both say together."""
