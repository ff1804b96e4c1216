"""What exists in the account: jobs and their life, pools, images, the store, and injected faults.

Not here: SQL text or HTTP. Read ``account`` first, then ``runner``, the life of a job.
"""
