const test = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { snowflake, settings, connect, close, run, rowsOf, inOwnSchema } = require('./helper');

test('connect and select', async () => {
  const connection = await connect();
  assert.equal(connection.isUp(), true);
  assert.ok(connection.getId());
  assert.deepEqual(await rowsOf(connection, 'SELECT 1 AS N'), [{ N: 1 }]);
  await close(connection);
  assert.equal(connection.isUp(), false);
});

test('connect asynchronously', async () => {
  const connection = snowflake.createConnection(settings());
  await connection.connectAsync();
  assert.equal(await connection.isValidAsync(), true);
  await close(connection);
});

test('wrong password is refused', async () => {
  await assert.rejects(connect({ password: 'wrong' }), (error) => {
    assert.match(error.message, /Incorrect username or password/);
    assert.equal(String(error.code), '390100');
    return true;
  });
});

test('context functions', () =>
  inOwnSchema(async (connection, database) => {
    const [row] = await rowsOf(
      connection,
      'SELECT CURRENT_DATABASE() AS D, CURRENT_SCHEMA() AS S, CURRENT_USER() AS U,'
        + ' CURRENT_ROLE() AS R, CURRENT_SESSION() AS I, CURRENT_WAREHOUSE() AS W'
    );
    assert.deepEqual([row.D, row.S, row.U, row.R], [database, 'WORK', 'SPCS', 'ACCOUNTADMIN']);
    assert.ok(Number(row.I) > 0);
  }));

test('database and schema at connect', () =>
  inOwnSchema(async (_, database) => {
    const connection = await connect({ database, schema: 'WORK', role: 'ACCOUNTADMIN' });
    const [row] = await rowsOf(connection, 'SELECT CURRENT_SCHEMA() AS S');
    assert.equal(row.S, 'WORK');
    await close(connection);
  }));

test('query tag of the connection', () =>
  inOwnSchema(
    async (connection) => {
      const [row] = await rowsOf(connection, "SHOW PARAMETERS LIKE 'QUERY_TAG'");
      assert.equal(row.value, 'from node');
    },
    { queryTag: 'from node' }
  ));

test('ALTER SESSION SET and SHOW PARAMETERS', () =>
  inOwnSchema(async (connection) => {
    await run(connection, 'ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = 77');
    const [row] = await rowsOf(connection, "SHOW PARAMETERS LIKE 'STATEMENT_TIMEOUT_IN_SECONDS'");
    assert.equal(row.value, '77');
    await run(connection, 'ALTER SESSION UNSET STATEMENT_TIMEOUT_IN_SECONDS');
  }));

test('key pair', () =>
  inOwnSchema(async (connection) => {
    const { publicKey, privateKey } = crypto.generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    const key = publicKey.split('\n').slice(1, -2).join('');
    await run(connection, `ALTER USER SPCS SET RSA_PUBLIC_KEY = '${key}'`);
    const common = { password: undefined, authenticator: 'SNOWFLAKE_JWT' };
    const first = await connect({ ...common, privateKey });
    assert.equal((await rowsOf(first, 'SELECT 1 AS N'))[0].N, 1);
    await close(first);
    const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'key-')), 'key.p8');
    fs.writeFileSync(file, privateKey, { mode: 0o600 });
    const second = await connect({ ...common, privateKeyPath: file });
    assert.equal((await rowsOf(second, 'SELECT 1 AS N'))[0].N, 1);
    await close(second);
  }));

test('pool of connections', async () => {
  const pool = snowflake.createPool(settings(), { max: 3, min: 0 });
  const counted = await Promise.all(
    [1, 2, 3].map((n) => pool.use(async (client) => (await rowsOf(client, `SELECT ${n} AS N`))[0].N))
  );
  assert.deepEqual(counted, [1, 2, 3]);
  await pool.drain();
  await pool.clear();
});

test('heartbeat', async () => {
  const connection = await connect({ clientSessionKeepAlive: true });
  await connection.heartbeatAsync();
  await close(connection);
});

test('several statements in one request', () =>
  inOwnSchema(async (connection) => {
    const seen = [];
    await new Promise((resolve, reject) => {
      connection.execute({
        sqlText: 'SELECT 1 AS N; SELECT 2 AS N',
        parameters: { MULTI_STATEMENT_COUNT: 2 },
        complete: (error, statement) => {
          if (error) return reject(error);
          statement
            .streamRows()
            .on('data', (row) => seen.push(row.N))
            .on('error', reject)
            .on('end', () => (statement.hasNext() ? statement.NextResult() : resolve()));
        },
      });
    });
    assert.deepEqual(seen, [1, 2]);
  }));
