"""A job's program: says hello, waits for its time and ends with the wished exit code."""

import os
import sys
import time

print(f"hello from {os.environ.get('NAME', 'nobody')}", flush=True)
for word in sys.argv[1:]:
    print(f"argument {word}", flush=True)
deadline = time.monotonic() + float(os.environ.get("SECONDS_TO_RUN", "0"))
while time.monotonic() < deadline:
    time.sleep(0.05)
print("goodbye", flush=True)
sys.exit(int(os.environ.get("EXIT_CODE", "0")))
