const test = require('node:test');
const assert = require('node:assert/strict');
const { connect, close, run, rowsOf, inOwnSchema } = require('./helper');

const count = async (connection, table = 'T') =>
  (await rowsOf(connection, `SELECT COUNT(*) AS N FROM ${table}`))[0].N;

test('commit', () =>
  inOwnSchema(async (connection, database) => {
    const other = await connect({ database, schema: 'WORK' });
    await run(connection, 'CREATE TABLE T (N INT)');
    await run(connection, 'BEGIN');
    await run(connection, 'INSERT INTO T VALUES (1)');
    assert.deepEqual([await count(connection), await count(other)], [1, 0]);
    await run(connection, 'COMMIT');
    assert.equal(await count(other), 1);
    await close(other);
  }));

test('rollback', () =>
  inOwnSchema(async (connection) => {
    await run(connection, 'CREATE TABLE T (N INT)');
    await run(connection, 'BEGIN TRANSACTION');
    await run(connection, 'INSERT INTO T VALUES (1)');
    await run(connection, 'ROLLBACK');
    assert.equal(await count(connection), 0);
  }));

test('an error inside leaves the transaction usable', () =>
  inOwnSchema(async (connection) => {
    await run(connection, 'CREATE TABLE T (N INT)');
    await run(connection, 'BEGIN');
    await run(connection, 'INSERT INTO T VALUES (1)');
    await assert.rejects(run(connection, "INSERT INTO T VALUES ('x')"));
    await run(connection, 'INSERT INTO T VALUES (2)');
    await run(connection, 'COMMIT');
    assert.equal(await count(connection), 2);
  }));

test('missing table', () =>
  inOwnSchema(async (connection) => {
    await assert.rejects(run(connection, 'SELECT * FROM NOWHERE'), (error) => {
      assert.equal(String(error.code), '002003');
      assert.equal(error.sqlState, '42S02');
      assert.match(error.message, /Object 'NOWHERE' does not exist or not authorized/);
      assert.ok(error.data?.queryId ?? error.queryId);
      return true;
    });
    assert.equal((await rowsOf(connection, 'SELECT 1 AS N'))[0].N, 1);
  }));

test('created twice', () =>
  inOwnSchema(async (connection) => {
    await run(connection, 'CREATE TABLE T (N INT)');
    await assert.rejects(run(connection, 'CREATE TABLE T (N INT)'), (error) => {
      assert.equal(String(error.code), '002002');
      assert.equal(error.sqlState, '42710');
      return true;
    });
  }));

test('syntax error and invalid identifier', () =>
  inOwnSchema(async (connection) => {
    await assert.rejects(run(connection, 'SELEC 1'), (error) => {
      assert.deepEqual([String(error.code), error.sqlState], ['001003', '42000']);
      return true;
    });
    await run(connection, 'CREATE TABLE T (N INT)');
    await assert.rejects(run(connection, 'SELECT M FROM T'), (error) => {
      assert.deepEqual([String(error.code), error.sqlState], ['000904', '42000']);
      return true;
    });
  }));
