const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { run, rowsOf, inOwnSchema } = require('./helper');

/** A folder with two CSV files. */
function folder() {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'stage-'));
  fs.writeFileSync(path.join(made, 'a.csv'), '1,one\n2,two\n');
  fs.writeFileSync(path.join(made, 'b.csv'), '3,three\n');
  return made;
}

test('PUT, LIST, GET, REMOVE', () =>
  inOwnSchema(async (connection) => {
    const from = folder();
    await run(connection, 'CREATE STAGE S');
    const [uploaded] = await rowsOf(
      connection, `PUT file://${from}/a.csv @S AUTO_COMPRESS=FALSE OVERWRITE=TRUE`
    );
    assert.deepEqual([uploaded.source, uploaded.status], ['a.csv', 'UPLOADED']);
    const [listed] = await rowsOf(connection, 'LIST @S');
    assert.equal(listed.name, 's/a.csv');
    assert.equal(listed.size, 12);
    const to = fs.mkdtempSync(path.join(os.tmpdir(), 'got-'));
    const [got] = await rowsOf(connection, `GET @S/a.csv file://${to}`);
    assert.equal(got.status, 'DOWNLOADED');
    assert.equal(fs.readFileSync(path.join(to, 'a.csv'), 'utf8'), '1,one\n2,two\n');
    const [removed] = await rowsOf(connection, 'REMOVE @S/a.csv');
    assert.deepEqual({ ...removed }, { name: 's/a.csv', result: 'removed' });
    assert.deepEqual(await rowsOf(connection, 'LIST @S'), []);
  }));

test('PUT of several files, compressed, and COPY INTO', () =>
  inOwnSchema(async (connection) => {
    const from = folder();
    await run(connection, 'CREATE STAGE S');
    const uploaded = await rowsOf(connection, `PUT file://${from}/*.csv @S`);
    assert.deepEqual(uploaded.map((r) => r.target).sort(), ['a.csv.gz', 'b.csv.gz']);
    await run(connection, 'CREATE TABLE T (N INT, S VARCHAR)');
    const loaded = await rowsOf(connection, 'COPY INTO T FROM @S FILE_FORMAT = (TYPE = CSV)');
    assert.deepEqual(loaded.map((r) => r.status), ['LOADED', 'LOADED']);
    assert.equal((await rowsOf(connection, 'SELECT SUM(N) AS T FROM T'))[0].T, 6);
  }));

test('unload and GET', () =>
  inOwnSchema(async (connection) => {
    await run(connection, 'CREATE STAGE S');
    const [row] = await rowsOf(
      connection,
      "COPY INTO @S/out FROM (SELECT 1, 'x') FILE_FORMAT = (TYPE = CSV COMPRESSION = NONE)"
    );
    assert.equal(row.rows_unloaded, 1);
    const to = fs.mkdtempSync(path.join(os.tmpdir(), 'got-'));
    await run(connection, `GET @S file://${to}`);
    const [file] = fs.readdirSync(to);
    assert.equal(fs.readFileSync(path.join(to, file), 'utf8'), '1,x\n');
  }));
