"""Tests of the container image in ``definitions/text_analysis``."""
