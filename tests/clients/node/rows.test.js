const test = require('node:test');
const assert = require('node:assert/strict');
const { run, rowsOf, inOwnSchema } = require('./helper');

test('types arrive as JavaScript values', () =>
  inOwnSchema(async (connection) => {
    const [row] = await rowsOf(
      connection,
      "SELECT 1::INT AS I, 1.5::NUMBER(10,2) AS N, 2.5::FLOAT AS F, 'x'::VARCHAR AS S, TRUE AS B,"
        + " '2024-02-03'::DATE AS D, '2024-02-03 04:05:06'::TIMESTAMP_NTZ AS T,"
        + " TO_BINARY('4142', 'HEX') AS X, NULL::VARCHAR AS Z, '04:05:06'::TIME AS C"
    );
    assert.deepEqual([row.I, row.N, row.F, row.S, row.B, row.Z], [1, 1.5, 2.5, 'x', true, null]);
    assert.ok(row.D instanceof Date);
    assert.equal(row.D.toISOString().slice(0, 10), '2024-02-03');
    assert.equal(new Date(row.T).toISOString(), '2024-02-03T04:05:06.000Z');
    assert.equal(row.X.toString(), 'AB');
    assert.equal(row.C, '04:05:06');
  }));

test('semi-structured values are parsed', () =>
  inOwnSchema(async (connection) => {
    const [row] = await rowsOf(
      connection,
      "SELECT PARSE_JSON('{\"a\": [1, 2]}') AS V, ARRAY_CONSTRUCT(1, 'b') AS A,"
        + " OBJECT_CONSTRUCT('k', 1) AS O"
    );
    assert.deepEqual({ ...row }, { V: { a: [1, 2] }, A: [1, 'b'], O: { k: 1 } });
  }));

test('columns are described', () =>
  inOwnSchema(async (connection) => {
    const { statement } = await run(
      connection,
      "SELECT 1::NUMBER(8,2) AS A, 'x' AS B, TRUE AS C, CURRENT_DATE() AS D, PARSE_JSON('1') AS V"
    );
    const columns = statement.getColumns();
    assert.deepEqual(columns.map((c) => c.getName()), ['A', 'B', 'C', 'D', 'V']);
    assert.equal(columns[0].isNumber(), true);
    assert.equal(columns[0].getScale(), 2);
    assert.equal(columns[0].getPrecision(), 8);
    assert.equal(columns[1].isString(), true);
    assert.equal(columns[2].isBoolean(), true);
    assert.equal(columns[3].isDate(), true);
    assert.equal(columns[4].isVariant(), true);
    assert.equal(statement.getColumn('B').getIndex(), 1);
    assert.equal(statement.getNumRows(), 1);
    assert.ok(statement.getQueryId());
    assert.match(statement.getSqlText(), /^SELECT/);
  }));

test('rows are streamed', () =>
  inOwnSchema(async (connection) => {
    const sum = await new Promise((resolve, reject) => {
      let total = 0;
      connection
        .execute({
          sqlText: 'SELECT SEQ4() AS N FROM TABLE(GENERATOR(ROWCOUNT => 1000))',
          streamResult: true,
          complete: (error, statement) => {
            if (error) return reject(error);
            statement
              .streamRows()
              .on('data', (row) => { total += row.N; })
              .on('error', reject)
              .on('end', () => resolve(total));
          },
        });
    });
    assert.equal(sum, 499500);
  }));

test('a part of the rows is streamed', () =>
  inOwnSchema(async (connection) => {
    const { statement } = await run(
      connection, 'SELECT SEQ4() AS N FROM TABLE(GENERATOR(ROWCOUNT => 10)) ORDER BY N'
    );
    const seen = [];
    for await (const row of statement.streamRows({ start: 2, end: 4 })) seen.push(row.N);
    assert.deepEqual(seen, [2, 3, 4]);
  }));

test('many rows', () =>
  inOwnSchema(async (connection) => {
    const rows = await rowsOf(
      connection, "SELECT SEQ4() AS N, 'row ' || SEQ4() AS S FROM TABLE(GENERATOR(ROWCOUNT => 50000))"
    );
    assert.equal(rows.length, 50000);
  }));

test('values are fetched as strings', () =>
  inOwnSchema(async (connection) => {
    const [row] = await rowsOf(connection, "SELECT 1 AS N, TRUE AS B, '2024-02-03'::DATE AS D", {
      fetchAsString: ['Number', 'Boolean', 'Date'],
    });
    assert.deepEqual({ ...row }, { N: '1', B: 'TRUE', D: '2024-02-03' });
  }));

test('rows as arrays', () =>
  inOwnSchema(async (connection) => {
    const rows = await rowsOf(connection, 'SELECT 1 AS A, 2 AS A', { rowMode: 'array' });
    assert.deepEqual(rows, [[1, 2]]);
  }));

test('binds by place and by number', () =>
  inOwnSchema(async (connection) => {
    const [row] = await rowsOf(connection, 'SELECT ? + 1 AS N, ? AS S, ? AS Z', {
      binds: [1, "it's", null],
    });
    assert.deepEqual({ ...row }, { N: 2, S: "it's", Z: null });
    const [other] = await rowsOf(connection, 'SELECT :2 AS A, :1 AS B', { binds: ['x', 'y'] });
    assert.deepEqual({ ...other }, { A: 'y', B: 'x' });
  }));

test('binds of an insert', () =>
  inOwnSchema(async (connection) => {
    await run(connection, 'CREATE TABLE T (I INT, F FLOAT, S VARCHAR, B BOOLEAN, D DATE)');
    const { statement, rows } = await run(connection, 'INSERT INTO T VALUES (?, ?, ?, ?, ?)', {
      binds: [1, 1.5, 'x', true, '2024-02-03'],
    });
    assert.equal(statement.getNumUpdatedRows(), 1);
    assert.deepEqual(rows.map((r) => ({ ...r })), [{ 'number of rows inserted': 1 }]);
    const [row] = await rowsOf(connection, 'SELECT I, F, S, B FROM T WHERE S = ?', { binds: ['x'] });
    assert.deepEqual({ ...row }, { I: 1, F: 1.5, S: 'x', B: true });
  }));

test('binds of many rows', () =>
  inOwnSchema(async (connection) => {
    await run(connection, 'CREATE TABLE T (N INT, S VARCHAR)');
    const binds = Array.from({ length: 100 }, (_, n) => [n, `row ${n}`]);
    const { statement } = await run(connection, 'INSERT INTO T (N, S) VALUES (?, ?)', { binds });
    assert.equal(statement.getNumUpdatedRows(), 100);
    const [row] = await rowsOf(connection, 'SELECT SUM(N) AS T, MAX(S) AS M FROM T');
    assert.deepEqual({ ...row }, { T: 4950, M: 'row 99' });
  }));

test('updated rows are counted', () =>
  inOwnSchema(async (connection) => {
    await run(connection, 'CREATE TABLE T (N INT)');
    await run(connection, 'INSERT INTO T VALUES (1), (2), (3)');
    const updated = await run(connection, 'UPDATE T SET N = N + 1 WHERE N > 1');
    assert.equal(updated.statement.getNumUpdatedRows(), 2);
    const deleted = await run(connection, 'DELETE FROM T');
    assert.equal(deleted.statement.getNumUpdatedRows(), 3);
    const selected = await run(connection, 'SELECT * FROM T');
    assert.equal(selected.statement.getNumUpdatedRows(), -1);
  }));

test('merge', () =>
  inOwnSchema(async (connection) => {
    await run(connection, 'CREATE TABLE T (ID INT, V VARCHAR)');
    await run(connection, "INSERT INTO T VALUES (1, 'old')");
    const { rows } = await run(
      connection,
      "MERGE INTO T USING (SELECT 1 AS ID, 'new' AS V UNION ALL SELECT 2, 'added') S ON T.ID = S.ID"
        + ' WHEN MATCHED THEN UPDATE SET V = S.V WHEN NOT MATCHED THEN INSERT VALUES (S.ID, S.V)'
    );
    assert.deepEqual({ ...rows[0] }, { 'number of rows inserted': 1, 'number of rows updated': 1 });
  }));

test('SHOW and DESCRIBE', () =>
  inOwnSchema(async (connection, database) => {
    await run(connection, 'CREATE TABLE T (ID INT NOT NULL, S VARCHAR(10))');
    const [table] = await rowsOf(connection, 'SHOW TABLES');
    assert.deepEqual([table.name, table.database_name], ['T', database]);
    assert.ok(table.created_on instanceof Date);
    const columns = await rowsOf(connection, 'DESCRIBE TABLE T');
    assert.deepEqual(columns.map((c) => [c.name, c.type, c['null?']]), [
      ['ID', 'NUMBER(38,0)', 'N'],
      ['S', 'VARCHAR(10)', 'Y'],
    ]);
    const databases = await rowsOf(connection, `SHOW DATABASES LIKE '${database}'`);
    assert.equal(databases.length, 1);
    const schemas = await rowsOf(connection, `SHOW SCHEMAS IN DATABASE ${database}`);
    assert.ok(schemas.map((s) => s.name).includes('WORK'));
  }));
