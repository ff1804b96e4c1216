// Connections to the account whose address the environment tells; a schema of its own per test.
const snowflake = require('snowflake-sdk');
const crypto = require('node:crypto');

snowflake.configure({ logLevel: 'OFF' });

/** What createConnection takes. */
function settings(more = {}) {
  const env = process.env;
  return {
    account: env.SPCS_ACCOUNT,
    username: env.SPCS_USER,
    password: env.SPCS_PASSWORD,
    host: env.SPCS_HOST,
    port: Number(env.SPCS_PORT),
    protocol: 'http',
    accessUrl: `http://${env.SPCS_HOST}:${env.SPCS_PORT}`,
    ...more,
  };
}

/** Open a connection. */
function connect(more) {
  const connection = snowflake.createConnection(settings(more));
  return new Promise((resolve, reject) => {
    connection.connect((error) => (error ? reject(error) : resolve(connection)));
  });
}

/** Close a connection. */
function close(connection) {
  return new Promise((resolve) => connection.destroy(() => resolve()));
}

/** Run a statement; its rows and itself. */
function run(connection, sqlText, options = {}) {
  return new Promise((resolve, reject) => {
    connection.execute({
      sqlText,
      ...options,
      complete: (error, statement, rows) => (error ? reject(error) : resolve({ statement, rows })),
    });
  });
}

/** The rows of a statement. */
async function rowsOf(connection, sqlText, options) {
  return (await run(connection, sqlText, options)).rows;
}

/** Run a test in a schema of its own. */
async function inOwnSchema(work, more) {
  const database = `D${crypto.randomUUID().slice(0, 8)}`.toUpperCase();
  const connection = await connect(more);
  try {
    await run(connection, `CREATE DATABASE ${database}`);
    await run(connection, `CREATE SCHEMA ${database}.WORK`);
    await run(connection, `USE SCHEMA ${database}.WORK`);
    await work(connection, database);
  } finally {
    await run(connection, `DROP DATABASE IF EXISTS ${database}`);
    await close(connection);
  }
}

/** Poll until it is true. */
async function waitUntil(condition, seconds = 30) {
  const end = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error('it never came true');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** The statement that runs the image hello as a job. */
function jobStatement(name, { args = [], asynchronous = true } = {}) {
  return `EXECUTE JOB SERVICE IN COMPUTE POOL CPU_S NAME = ${name}
    ASYNC = ${asynchronous ? 'TRUE' : 'FALSE'}
    FROM SPECIFICATION $$
spec:
  containers:
  - name: main
    image: /db/schema/images/hello:1
    args: ${JSON.stringify(args)}
$$`;
}

module.exports = {
  snowflake, settings, connect, close, run, rowsOf, inOwnSchema, waitUntil, jobStatement,
};
