-- What the example needs in an account. Run it once, with a role that may create these objects;
-- the emulator runs the same file. Then push the image (see README, "On a real account").
CREATE DATABASE IF NOT EXISTS SPCS_EXAMPLE;
CREATE SCHEMA IF NOT EXISTS SPCS_EXAMPLE.REVIEWS;
USE SCHEMA SPCS_EXAMPLE.REVIEWS;
CREATE IMAGE REPOSITORY IF NOT EXISTS SPCS_EXAMPLE.REVIEWS.IMAGES;

-- For SQL: loading the reviews, joining the results, reading history and logs.
CREATE WAREHOUSE IF NOT EXISTS SPCS_EXAMPLE_WH
  WITH WAREHOUSE_SIZE = 'XSMALL' AUTO_SUSPEND = 60 AUTO_RESUME = TRUE INITIALLY_SUSPENDED = TRUE;

-- For the jobs: two nodes, so that both run at once even if each filled a node.
CREATE COMPUTE POOL IF NOT EXISTS SPCS_EXAMPLE_POOL
  MIN_NODES = 1 MAX_NODES = 2 INSTANCE_FAMILY = CPU_X64_S AUTO_SUSPEND_SECS = 600;

-- A role that Dagster connects with. Grant it to Dagster's user:
--   GRANT ROLE SPCS_EXAMPLE_ROLE TO USER <dagster's user>;
CREATE ROLE IF NOT EXISTS SPCS_EXAMPLE_ROLE;
GRANT USAGE ON DATABASE SPCS_EXAMPLE TO ROLE SPCS_EXAMPLE_ROLE;
GRANT USAGE, CREATE TABLE, CREATE SERVICE ON SCHEMA SPCS_EXAMPLE.REVIEWS TO ROLE SPCS_EXAMPLE_ROLE;
GRANT READ ON IMAGE REPOSITORY SPCS_EXAMPLE.REVIEWS.IMAGES TO ROLE SPCS_EXAMPLE_ROLE;
GRANT USAGE ON WAREHOUSE SPCS_EXAMPLE_WH TO ROLE SPCS_EXAMPLE_ROLE;
GRANT USAGE, MONITOR ON COMPUTE POOL SPCS_EXAMPLE_POOL TO ROLE SPCS_EXAMPLE_ROLE;

-- A job that Snowflake starts itself: the example's sensor observes it, as the asset nightly_sentiment.
-- The task is suspended until somebody says ALTER TASK NIGHTLY_SENTIMENT RESUME. It runs as the role that
-- owns it, so its jobs are that role's, and Dagster sees them.
CREATE TASK IF NOT EXISTS SPCS_EXAMPLE.REVIEWS.NIGHTLY_SENTIMENT
  WAREHOUSE = SPCS_EXAMPLE_WH
  SCHEDULE = 'USING CRON 0 3 * * * UTC'
  AS EXECUTE JOB SERVICE
    IN COMPUTE POOL SPCS_EXAMPLE_POOL
    FROM SPECIFICATION $$
spec:
  containers:
    - name: main
      image: /spcs_example/reviews/images/text_analysis:1
      args:
        - --task=sentiment
        - --source_table=REVIEWS
        - --source_id_column=REVIEW_ID
        - --source_value_column=REVIEW_TEXT
        - --result_table=NIGHTLY_SENTIMENT
      env:
        SNOWFLAKE_WAREHOUSE: SPCS_EXAMPLE_WH
$$;
GRANT EXECUTE TASK ON ACCOUNT TO ROLE SPCS_EXAMPLE_ROLE;
GRANT OWNERSHIP ON TASK SPCS_EXAMPLE.REVIEWS.NIGHTLY_SENTIMENT TO ROLE SPCS_EXAMPLE_ROLE;
