import { natsAccountsConfig } from '@agent-platform/messaging';
import { SERVICE_NAMES, type Workflow } from '@agent-platform/contracts';
import {
  createPrivateDatabase,
  createTestDatabase,
  startApp,
  startNatsBackend,
  startPeer,
  startTestPlatform,
  TestClient,
  testEnvironment,
  testScale,
  until,
  type TestDatabase,
} from '@agent-platform/testing';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';

const NATS_PASSWORD = 'late';
const STOP_MS = 25_000;

/** A port that somebody may listen on later. */
async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server, 0);
  await new Promise((closed) => server.close(closed));
  return port;
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((listening) => server.listen(port, '127.0.0.1', listening));
  return (server.address() as AddressInfo).port;
}

/** The processes that `pgrep` finds. */
function pgrep(...args: string[]): number[] {
  return execFileSync('pgrep', args).toString().trim().split('\n').map(Number);
}

/** Forwards connections to a port: a server that comes late to where it is expected. */
function wayTo(port: number): Server {
  return createServer((socket) => {
    const onward = connect(port, '127.0.0.1');
    socket.on('error', () => onward.destroy()).pipe(onward);
    onward.on('error', () => socket.destroy()).pipe(socket);
  });
}

async function probeOf(port: number, path: string): Promise<{ status: number; lifecycle: string | undefined }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  const body = (await response.json()) as { checks: { lifecycle?: string } };
  return { status: response.status, lifecycle: body.checks.lifecycle };
}

describe('a start', () => {
  let database: TestDatabase;
  beforeAll(async () => (database = await createTestDatabase()));
  afterAll(() => database.drop());

  it('waits for PostgreSQL, migrations and NATS, says so, and goes on when they are there', async () => {
    const [port, postgresPort, natsPort] = await Promise.all([freePort(), freePort(), freePort()]);
    const url = new URL(database.urlOf('ap_health'));
    const postgres = wayTo(Number(url.port));
    url.port = String(postgresPort);
    const applied = await database.query<{ name: string; checksum: string }>(
      'DELETE FROM health.migrations RETURNING name, checksum',
    );
    const starting = startApp('health', {
      PORT: String(port),
      DATABASE_URL: url.href,
      NATS_URL: `nats://health:${NATS_PASSWORD}@127.0.0.1:${natsPort}`,
      START_WAIT_SECONDS: '60',
    });
    const waitsFor = (what: string) =>
      until(`waiting for ${what}`, async () => {
        const answer = await probeOf(port, '/startupz').catch(() => undefined);
        return answer?.status === 503 && answer.lifecycle === `waits for ${what}`;
      });

    await waitsFor('PostgreSQL');
    expect((await probeOf(port, '/livez')).status).toBe(200);
    expect(await probeOf(port, '/readyz')).toEqual({ status: 503, lifecycle: 'waits for PostgreSQL' });
    await listen(postgres, postgresPort);
    await waitsFor('migrations');
    for (const { name, checksum } of applied) {
      await database.query('INSERT INTO health.migrations (name, checksum) VALUES ($1, $2)', [name, checksum]);
    }
    await waitsFor('NATS');
    const folder = mkdtempSync(join(testEnvironment().folder, 'late-'));
    const nats = await startNatsBackend(
      folder,
      natsAccountsConfig(() => NATS_PASSWORD),
      natsPort,
    );
    const started = await starting;
    expect([await probeOf(port, '/startupz'), await probeOf(port, '/readyz')]).toEqual(
      Array(2).fill({ status: 200, lifecycle: 'ok' }),
    );
    expect(started.output()).toMatch(/the start waits for PostgreSQL[^]*for migrations[^]*for NATS/);

    // Who refuses is not waited for; and of what is there already nothing is asked twice.
    const wrong = { DATABASE_URL: url.href, START_WAIT_SECONDS: '60' };
    const askedAt = performance.now();
    await Promise.all([
      expect(startApp('gateway', { NATS_URL: `nats://gateway:wrong@127.0.0.1:${natsPort}`, ...wrong })).rejects.toThrow(
        'Check the user in NATS_URL and NATS_PASSWORD',
      ),
      expect(
        startApp('health', {
          ...wrong,
          NATS_URL: `nats://127.0.0.1:${natsPort}`,
          DATABASE_URL: url.href.replace(/:[^:@]+@/, ':wrong@'),
        }),
      ).rejects.toThrow('Check the user in DATABASE_URL and DATABASE_PASSWORD'),
    ]);
    expect(performance.now() - askedAt).toBeLessThan(20_000);

    // Lost is no reason to restart it; a server that refuses it since, whose password it can read anew, is.
    nats.kill();
    await until('readiness red', async () => (await probeOf(port, '/readyz')).status === 503);
    expect([(await probeOf(port, '/livez')).status, (await probeOf(port, '/startupz')).status]).toEqual([200, 200]);
    const changed = natsAccountsConfig(() => 'changed');
    const restarted = await startNatsBackend(folder, changed, natsPort);
    await until('a reason to restart it', async () => (await probeOf(port, '/livez')).status === 503);
    expect((await probeOf(port, '/startupz')).status).toBe(200);
    expect(await started.stop()).toBe(0);
    await restarted.stop();
    postgres.close();
  });

  it('gives up with one line when what it waits for does not come, and ends at once when it is told to', async () => {
    const [port, other] = await Promise.all([freePort(), freePort()]);
    const nobody = { NATS_URL: `nats://127.0.0.1:${other}` };
    await expect(startApp('gateway', { ...nobody, START_WAIT_SECONDS: '1' })).rejects.toThrow(
      /^gateway: Waited 1 s in vain for NATS\. \(NATS at 127\.0\.0\.1:\d+ cannot be used\. Check NATS_URL\. \([^\n]+\)\)\n$/m,
    );
    const waiting = startApp('gateway', { ...nobody, PORT: String(port), START_WAIT_SECONDS: '60' });
    const ended = expect(waiting).rejects.toThrow('gateway ended with 0');
    await until('the start', async () => (await probeOf(port, '/livez').catch(() => undefined))?.status === 200);
    const refused = await fetch(`http://127.0.0.1:${port}/v1/me`);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    const isWaiting = (pid: number) => readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`\0PORT=${port}\0`);
    process.kill(pgrep('-P', String(process.pid)).find(isWaiting) ?? 0, 'SIGTERM');
    await ended;
  });
});

/** Each variable once, wrong: all are named at once. */
const WRONG: Record<string, Record<string, string>> = {
  gateway: { ACTION_TIMEOUT_MS: '1', DRAIN_DELAY_MS: '60000', MAX_STREAMS: 'many' },
  auth: { MASTER_KEY: 'short', AUDIT_RETENTION_MONTHS: '-1' },
  'workflow-executor': { MAX_RUNS: '0', MAX_WAIT_DAYS: 'x' },
  integrations: { MASTER_KEY: 'short', OAUTH_TIMEOUT_MS: '-1' },
  'webhook-receiver': { MASTER_KEY: 'short', MAX_DELIVERIES: '0', EVENT_RETENTION_DAYS: '-1' },
  health: { HEALTH_DOWN_AFTER: '0', MAX_HEALTH_CHECKS: 'x' },
  'query-engine': { QUERY_TIMEOUT_MS: '1', MAX_QUERY_COST: 'x' },
};

it.each(['gateway', ...SERVICE_NAMES])('%s names all wrong variables at once, and prints no value', async (app) => {
  const common = {
    NATS_URL: 'http://hunter2',
    NATS_PASSWORD: 'hunter2',
    PORT: '99999',
    LOG_LEVEL: 'loud',
    START_WAIT_SECONDS: '-5',
  };
  const stored: Record<string, string> =
    app === 'gateway' ? {} : { DATABASE_URL: 'hunter2', DATABASE_CA: 'hunter2', DATABASE_POOL_SIZE: '0' };
  const env = { ...common, ...stored, ...WRONG[app] };
  const error = await startApp(app, env).then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  for (const variable of Object.keys(env).filter((name) => name !== 'NATS_PASSWORD')) {
    expect(error?.message).toMatch(new RegExp(`^(\\S+ ended with 1: ${app}: )?${variable} `, 'm'));
  }
  expect(error?.message).not.toContain('hunter2');
});

/** By hand, as these take the whole time of a stop: TEST_SCALE=2 npx jest apps/e2e/lifecycle */
const onRequest = testScale() > 1 ? it : it.skip;

onRequest(
  'an executor that is stopped beside a step that hangs ends in time, and another goes on with its runs at once',
  async () => {
    let hangs = true;
    const peer = await startPeer((_request, response) => void (hangs || response.end('{}')));
    const platform = await startTestPlatform('separate processes');
    const client = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
    const definition = {
      name: 'hangs',
      steps: [{ id: 'call', type: 'http', with: { url: peer.url }, timeout: '1m', retry: { maxAttempts: 2 } }],
    };
    const { body } = await client.post('/v1/workflows', { definition });
    const { status } = await client.post(`/v1/workflows/${(body.data as unknown as Workflow).id}/runs`, {});
    expect(status).toBe(202);
    await until('the call', () => peer.requests.length === 1);
    const old = platform.separate?.processes.get('workflow-executor');
    await platform.separate?.startService('workflow-executor');
    hangs = false;
    const stoppedAt = performance.now();
    expect(await old?.stop()).toBe(0);
    expect(performance.now() - stoppedAt).toBeLessThan(STOP_MS / 2);
    const endedAt = performance.now();
    await until('the end of the run', async () => {
      const rows = await platform.database.query<{ status: string }>('SELECT status FROM workflow.workflow_runs');
      return rows[0]?.status === 'completed';
    });
    // Sooner than the lease would run out.
    expect(performance.now() - endedAt).toBeLessThan(2000);
    expect(peer.requests).toHaveLength(2);
    await platform.stop();
    await peer.stop();
  },
);

onRequest('all end within 25 s, cleanly, while PostgreSQL, NATS and what they call stand still', async () => {
  const peer = await startPeer(() => undefined);
  const database = await createPrivateDatabase();
  const platform = await startTestPlatform('separate processes', { DRAIN_DELAY_MS: '5000' }, database);
  const client = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  const definition = { name: 'hangs', steps: [{ id: 'call', type: 'http', with: { url: peer.url }, timeout: '1m' }] };
  const { body } = await client.post('/v1/workflows', { definition });
  await client.post('/v1/subscriptions', { types: ['stop.*'], target: { type: 'webhook', url: peer.url } });
  await client.post('/v1/events', { type: 'stop.now', data: {} });
  const run = client.post(`/v1/workflows/${(body.data as unknown as Workflow).id}/runs?wait=60`, {});
  await until('both calls', () => peer.requests.length === 2);

  const [{ postmaster = 0 } = {}] = await database.query<{ postmaster: number }>(
    "SELECT (regexp_match(pg_read_file('postmaster.pid'), '^\\d+'))[1]::int AS postmaster",
  );
  const frozen = [
    postmaster,
    ...pgrep('-P', String(postmaster)),
    ...pgrep('-f', `nats-server.*${platform.separate?.natsFolder}`),
  ];
  for (const id of frozen) process.kill(id, 'SIGSTOP');
  const stoppedAt = performance.now();
  const stops = [...(platform.separate?.processes ?? [])].map(async ([name, running]) => {
    const code = await running.stop();
    return [name, code, Math.round(performance.now() - stoppedAt)] as const;
  });
  const ended = await Promise.all(stops);
  for (const id of frozen) process.kill(id, 'SIGCONT');
  expect(ended.filter(([, code, ms]) => code !== 0 || ms > STOP_MS)).toEqual([]);
  expect((await run).status).toBe(503);
  await platform.stop();
  await peer.stop();
});
