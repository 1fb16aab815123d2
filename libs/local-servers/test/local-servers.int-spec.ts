import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { startNats, startPostgres, type LocalPostgres } from '../src';

let folder: string;
const running: { stop(): Promise<void> }[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'local-servers-'));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
  rmSync(folder, { recursive: true, force: true });
});

async function start(dataDir: string, port?: number): Promise<LocalPostgres> {
  const server = await startPostgres({ dataDir, password: 'secret', fsync: false, port });
  running.push(server);
  return server;
}

async function ask<Row>({ port }: LocalPostgres, sql: string): Promise<Row[]> {
  const client = new Client({ host: '127.0.0.1', port, user: 'postgres', password: 'secret', database: 'postgres' });
  await client.connect();
  const { rows } = await client.query(sql);
  await client.end();
  return rows as Row[];
}

describe('embedded PostgreSQL', () => {
  it('keeps its data over a stop and over a kill, in a folder that only its owner may enter', async () => {
    const dataDir = join(folder, 'closed', 'postgres');
    mkdirSync(join(folder, 'closed'), { mode: 0o700 });
    const first = await start(dataDir);
    await ask(first, 'CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)');
    await first.stop();
    const second = await start(dataDir);
    await ask(second, 'INSERT INTO kept VALUES (2)');
    second.kill();
    const third = await start(dataDir);
    expect(await ask(third, 'SELECT sum(n)::int AS sum FROM kept')).toEqual([{ sum: 3 }]);
  });

  it('starts although an earlier initdb was cut off', async () => {
    const dataDir = join(folder, 'postgres');
    mkdirSync(`${dataDir}.initdb`);
    writeFileSync(join(`${dataDir}.initdb`, 'PG_VERSION'), '18');
    await expect(start(dataDir)).resolves.toBeDefined();
  });

  it('refuses a data folder of another version, and leaves it alone', async () => {
    const dataDir = join(folder, 'postgres');
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'PG_VERSION'), '12\n');
    await expect(start(dataDir)).rejects.toThrow(/was made by PostgreSQL 12, and this is PostgreSQL 18/);
  });

  it('names the port when it is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as AddressInfo;
    await expect(start(join(folder, 'postgres'), port)).rejects.toThrow(`cannot use port ${port}: it is taken`);
    taken.close();
  });
});

describe('local nats-server', () => {
  it('starts on a free port, and says so when a port is taken', async () => {
    const server = await startNats({ dataDir: join(folder, 'one'), accounts: '' });
    running.push(server);
    expect(server.port).toBeGreaterThan(0);
    await expect(startNats({ dataDir: join(folder, 'two'), accounts: '', port: server.port })).rejects.toThrow(
      `cannot use port ${server.port}: it is taken`,
    );
  });

  it('says what is wrong with its configuration', async () => {
    await expect(startNats({ dataDir: folder, accounts: 'accounts { broken' })).rejects.toThrow(
      'nats-server did not start',
    );
  });
});
