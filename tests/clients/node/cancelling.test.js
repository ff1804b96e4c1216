const test = require('node:test');
const assert = require('node:assert/strict');
const { connect, close, run, rowsOf, inOwnSchema, waitUntil } = require('./helper');

test('asynchronous execution and its result', () =>
  inOwnSchema(async (connection) => {
    const { statement } = await run(connection, 'SELECT 7 AS N', { asyncExec: true });
    const queryId = statement.getQueryId();
    await waitUntil(async () => !connection.isStillRunning(await connection.getQueryStatus(queryId)));
    assert.equal(await connection.getQueryStatus(queryId), 'SUCCESS');
    const result = await connection.getResultsFromQueryId({ queryId });
    const rows = [];
    for await (const row of result.streamRows()) rows.push({ ...row });
    assert.deepEqual(rows, [{ N: 7 }]);
  }));

test('result of an earlier statement', () =>
  inOwnSchema(async (connection) => {
    const { statement } = await run(connection, 'SELECT 5 AS N');
    const rows = await new Promise((resolve, reject) => {
      connection.fetchResult({
        queryId: statement.getQueryId(),
        complete: (error, _, found) => (error ? reject(error) : resolve(found)),
      });
    });
    assert.equal(rows[0].N, 5);
  }));

test('asynchronous failure', () =>
  inOwnSchema(async (connection) => {
    const { statement } = await run(connection, 'SELECT * FROM NOWHERE', { asyncExec: true });
    const queryId = statement.getQueryId();
    await waitUntil(async () => !connection.isStillRunning(await connection.getQueryStatus(queryId)));
    assert.equal(connection.isAnError(await connection.getQueryStatus(queryId)), true);
    await assert.rejects(connection.getQueryStatusThrowIfError(queryId), /NOWHERE|does not exist/);
  }));

test('a waiting statement is cancelled', () =>
  inOwnSchema(async (connection) => {
    const started = Date.now();
    const error = await new Promise((resolve, reject) => {
      const statement = connection.execute({
        sqlText: 'CALL SYSTEM$WAIT(30)',
        complete: (failure) => (failure ? resolve(failure) : reject(new Error('it ended well'))),
      });
      setTimeout(() => statement.cancel((problem) => problem && reject(problem)), 500);
    });
    assert.equal(Number(error.code), 604);
    assert.ok(Date.now() - started < 15000);
  }));

test('an asynchronous statement is cancelled', () =>
  inOwnSchema(async (connection) => {
    const { statement } = await run(connection, 'CALL SYSTEM$WAIT(30)', { asyncExec: true });
    await new Promise((resolve, reject) => {
      statement.cancel((error) => (error ? reject(error) : resolve()));
    });
    const queryId = statement.getQueryId();
    await waitUntil(async () => !connection.isStillRunning(await connection.getQueryStatus(queryId)));
  }));

test('SYSTEM$CANCEL_QUERY', () =>
  inOwnSchema(async (connection) => {
    const other = await connect();
    const { statement } = await run(connection, 'CALL SYSTEM$WAIT(30)', { asyncExec: true });
    const queryId = statement.getQueryId();
    const [row] = await rowsOf(other, `SELECT SYSTEM$CANCEL_QUERY('${queryId}') AS A`);
    assert.ok(row.A.includes(queryId));
    await waitUntil(async () => !connection.isStillRunning(await connection.getQueryStatus(queryId)));
    await close(other);
  }));

test('limit of time of a session', () =>
  inOwnSchema(async (connection) => {
    await run(connection, 'ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = 1');
    await assert.rejects(run(connection, 'CALL SYSTEM$WAIT(20)'), (error) => {
      assert.equal(String(error.code), '000630');
      return true;
    });
  }));

