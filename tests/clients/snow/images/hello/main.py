"""Print a greeting, then do what the arguments say."""

import sys
import time

print("hello from the job", flush=True)
print("a warning", file=sys.stderr, flush=True)
action = sys.argv[1] if len(sys.argv) > 1 else ""
if action == "fail":
    sys.exit(3)
if action == "sleep":
    time.sleep(float(sys.argv[2]))
if action == "lines":
    for number in range(int(sys.argv[2])):
        print(f"line {number}", flush=True)
        time.sleep(0.2)
