"""The one exception this program raises on purpose."""


class JobError(Exception):
    """The job cannot go on; the message names the thing, the reason and the next step.

    ``main`` prints it as a single line on stderr and ends with exit code 1.
    """
