const test = require('node:test');
const assert = require('node:assert/strict');
const { run, rowsOf, inOwnSchema, waitUntil, jobStatement } = require('./helper');

const statusOf = async (connection, name) =>
  (await rowsOf(connection, `DESCRIBE SERVICE ${name}`))[0].status;

test('synchronous job', () =>
  inOwnSchema(async (connection) => {
    const [row] = await rowsOf(connection, jobStatement('J', { asynchronous: false }));
    assert.equal(row.status, 'Job J completed successfully with status: DONE.');
  }));

test('asynchronous job', () =>
  inOwnSchema(async (connection, database) => {
    const [row] = await rowsOf(connection, jobStatement('J'));
    assert.equal(row.status, "Started Snowpark Container Services Job 'J'.");
    await waitUntil(async () => (await statusOf(connection, 'J')) === 'DONE');
    const [described] = await rowsOf(connection, 'DESCRIBE SERVICE J');
    assert.deepEqual(
      [described.name, described.database_name, described.compute_pool, described.target_instances],
      ['J', database, 'CPU_S', 1]
    );
    assert.ok(described.created_on instanceof Date);
  }));

test('failed job', () =>
  inOwnSchema(async (connection) => {
    await run(connection, jobStatement('J', { args: ['fail'] }));
    await waitUntil(async () => (await statusOf(connection, 'J')) === 'FAILED');
    const [row] = await rowsOf(connection, 'SHOW SERVICE CONTAINERS IN SERVICE J');
    assert.equal(row.last_exit_code, 3);
    await assert.rejects(run(connection, jobStatement('K', { args: ['fail'], asynchronous: false })));
  }));

test('logs', () =>
  inOwnSchema(async (connection) => {
    await run(connection, jobStatement('J', { asynchronous: false }));
    const [row] = await rowsOf(connection, "SELECT SYSTEM$GET_SERVICE_LOGS('J', '0', 'main', 10) AS L");
    assert.match(row.L, /hello from the job/);
    const lines = await rowsOf(
      connection, 'SELECT TIMESTAMP, LOG FROM TABLE(J!SPCS_GET_LOGS()) ORDER BY TIMESTAMP'
    );
    assert.ok(lines.map((l) => l.LOG).includes('hello from the job'));
  }));

test('history', () =>
  inOwnSchema(async (connection, database) => {
    await run(connection, jobStatement('J', { asynchronous: false }));
    const rows = await rowsOf(
      connection,
      'SELECT * FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY()) WHERE DATABASE_NAME = ?',
      { binds: [database] }
    );
    assert.deepEqual(rows.map((r) => [r.NAME, r.STATUS]), [['J', 'DONE']]);
    assert.equal(rows[0].INSTANCE_STATUSES.instances[0].containers[0].lastExitCode, 0);
  }));

test('SHOW SERVICES, instances, compute pools', () =>
  inOwnSchema(async (connection, database) => {
    await run(connection, jobStatement('J', { asynchronous: false }));
    const services = await rowsOf(connection, `SHOW JOB SERVICES IN DATABASE ${database}`);
    assert.deepEqual(services.map((s) => [s.name, s.status]), [['J', 'DONE']]);
    const [instance] = await rowsOf(connection, 'SHOW SERVICE INSTANCES IN SERVICE J');
    assert.equal(instance.instance_id, '0');
    const pools = await rowsOf(connection, "SHOW COMPUTE POOLS LIKE 'CPU_S'");
    assert.equal(pools.length, 1);
    assert.equal(typeof pools[0].max_nodes, 'number');
  }));

test('cancel and drop', () =>
  inOwnSchema(async (connection) => {
    await run(connection, jobStatement('J', { args: ['sleep', '60'] }));
    await run(connection, 'CALL J!SPCS_CANCEL_JOB()');
    await waitUntil(async () => (await statusOf(connection, 'J')) === 'CANCELLED');
    const [row] = await rowsOf(connection, 'DROP SERVICE J');
    assert.equal(row.status, 'J successfully dropped.');
    await assert.rejects(run(connection, 'DESCRIBE SERVICE J'), (error) => {
      assert.equal(String(error.code), '002003');
      return true;
    });
  }));

test('a waiting job is submitted asynchronously by the driver', () =>
  inOwnSchema(async (connection) => {
    const { statement } = await run(connection, jobStatement('J', { asynchronous: false }), {
      asyncExec: true,
    });
    const queryId = statement.getQueryId();
    await waitUntil(async () => !connection.isStillRunning(await connection.getQueryStatus(queryId)));
    const result = await connection.getResultsFromQueryId({ queryId });
    const rows = [];
    for await (const row of result.streamRows()) rows.push(row.status);
    assert.deepEqual(rows, ['Job J completed successfully with status: DONE.']);
  }));

test('cancelling the statement of a waiting job ends the job', () =>
  inOwnSchema(async (connection) => {
    await new Promise((resolve, reject) => {
      const statement = connection.execute({
        sqlText: jobStatement('J', { args: ['sleep', '60'], asynchronous: false }),
        complete: (error) => (error ? resolve() : reject(new Error('it ended well'))),
      });
      setTimeout(() => statement.cancel((problem) => problem && reject(problem)), 1500);
    });
    await waitUntil(async () => {
      const rows = await rowsOf(connection, "SHOW JOB SERVICES LIKE 'J'");
      return rows.length === 0 || ['CANCELLED', 'CANCELLING', 'FAILED'].includes(rows[0].status);
    });
  }));

test('event table', () =>
  inOwnSchema(async (connection, database) => {
    await run(connection, jobStatement('J', { asynchronous: false }));
    const [parameter] = await rowsOf(connection, "SHOW PARAMETERS LIKE 'event_table' IN ACCOUNT");
    const rows = await rowsOf(
      connection,
      `SELECT VALUE FROM ${parameter.value} WHERE RECORD_TYPE = 'LOG'`
        + ` AND RESOURCE_ATTRIBUTES:"snow.service.name" = ?`
        + ` AND RESOURCE_ATTRIBUTES:"snow.database.name" = ? ORDER BY TIMESTAMP`,
      { binds: ['J', database] }
    );
    assert.ok(rows.map((r) => r.VALUE).includes('hello from the job'));
  }));
