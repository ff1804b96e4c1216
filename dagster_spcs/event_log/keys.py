"""Every metadata key and tag that this library writes."""

NAMESPACE = "dagster_spcs/"
"""How the library's own keys begin. Containers cannot set them."""

CHECK_NAME = "spcs_job"
"""The check that each job asset has: green while its last job ended DONE."""

# Tags of events.
JOB_TAG = "dagster_spcs/job"
"""The job's unqualified name."""
STATUS_TAG = "dagster_spcs/status"
DATA_VERSION_TAG = "dagster/data_version"
INPUT_VERSION_TAG = "dagster/input_data_version"
INPUT_EVENT_TAG = "dagster/input_event_pointer"
"""Beginnings of Dagster's own tags, with a slash and the input's key behind them."""
CODE_VERSION_TAG = "dagster/code_version"

# Tags of runs.
ATTEMPT_TAG = "dagster_spcs/attempt"
SEEN_ALIVE_TAG = "dagster_spcs/seen_alive"
"""Of a run that waits for jobs: when it last showed that it is at work."""

# What starts and ends have in common.
JOB_NAME = "dagster_spcs/job_name"
JOB_URL = "dagster_spcs/job_url"
STATUS = "dagster_spcs/status"
COMPUTE_POOL = "dagster_spcs/compute_pool"
ATTEMPT = "dagster_spcs/attempt"
SUBMITTED = "dagster_spcs/submitted"
"""When the run submitted the job (of a job that others started: when it was created). With the
job's name it tells one job from every other one."""
SUBMITTING_RUN = "dagster_spcs/submitting_run"

# Of a start.
SERVICE = "dagster_spcs/service"
"""The job's full name as SQL."""
IDENTITY = "dagster_spcs/identity"
"""The identity document, the same as in the job's COMMENT."""
INPUTS = "dagster_spcs/inputs"
"""Dagster's own tags of the inputs, as they were when the job was submitted."""
PARTITIONS = "dagster_spcs/partitions"
"""Of a job over several partitions: which, in the instances' order."""
WAITING_RUN = "dagster_spcs/waiting_run"
"""The run that waits for the job. It is not the submitting one where a retried run went on with the
job of its first attempt."""

# Of an end.
QUERY_ID = "dagster_spcs/query_id"
MESSAGE = "dagster_spcs/message"
INSTANCE_FAMILY = "dagster_spcs/instance_family"
IMAGE = "dagster_spcs/image"
IMAGE_DIGEST = "dagster_spcs/image_digest"
CREATED = "dagster_spcs/created"
STARTED = "dagster_spcs/started"
COMPLETED = "dagster_spcs/completed"
SECONDS_QUEUED = "dagster_spcs/seconds_queued"
SECONDS_RUNNING = "dagster_spcs/seconds_running"
REPLICAS = "dagster_spcs/replicas"
INSTANCES = "dagster_spcs/instances"
LOG = "dagster_spcs/log"
LOG_LINES = "dagster_spcs/log_lines"
ERROR_LINES = "dagster_spcs/error_lines"
CREDITS_ON_RUNNING_NODES = "dagster_spcs/estimated_credits_on_running_nodes"
CREDITS_ON_STARTED_NODES = "dagster_spcs/estimated_credits_on_started_nodes"
MISSING = "dagster_spcs/missing"
"""What could not be read of the job, and why."""
ROW_COUNT = "dagster/row_count"
COLUMN_SCHEMA = "dagster/column_schema"
TABLE_NAME = "dagster/table_name"
STORAGE_KIND = "dagster/storage_kind"

# Of definitions.
JOB_ASSET = "dagster_spcs/job_asset"
"""Metadata and tag that mark a job asset."""
RESOURCE_KEY = "dagster_spcs/resource_key"
"""Of a job asset: the resource that starts its jobs. Of a polling sensor: whose jobs it records."""
RESULT_TABLE = "dagster_spcs/result_table"
MAX_RETRIES = "dagster_spcs/max_retries"
RETRY_DELAY = "dagster_spcs/retry_delay_seconds"
