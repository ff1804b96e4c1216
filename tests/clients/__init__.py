"""Real clients against the emulator, each folder in an environment of its own (noxfile.py)."""
