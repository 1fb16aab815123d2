import {
  SERVICE_NAMES,
  type Integration,
  type IntegrationHealth,
  type PlatformStatus,
  type Run,
} from '@agent-platform/contracts';
import {
  createTestAgent,
  startPeer,
  startTestPlatform,
  startWebhookSink,
  TestClient,
  until,
  type Peer,
  type TestPlatform,
  type WebhookSink,
} from '@agent-platform/testing';
import { connect, type NatsConnection } from 'nats';

interface Told {
  readonly type: string;
  readonly subject: string;
  readonly agentid: string;
  readonly data: { readonly error?: { readonly code: string; readonly detail: string } };
}

const SKILLS = [
  'integration_manage',
  'integration_execute',
  'integration_read',
  'workflow_manage',
  'workflow_execute',
  'workflow_read',
];
/** Stands in no log, table, event or answer. */
const SECRET = 'health-canary-5e1f0c7a9b';

let platform: TestPlatform;
let peer: Peer;
let sink: WebhookSink;
let admin: TestClient;
let owner: TestClient;
let ownerId: string;
let tap: NatsConnection;
const told: Told[] = [];
/** What the peer answers to paths that begin with this. */
const statuses = new Map<string, number>();
let counter = 0;
/** From the beginning on: a silent, a dripping and a huge one, and one that is well. */
let bad: readonly Integration[];
let good: Integration;

beforeAll(async () => {
  peer = await startPeer((request, response) => {
    const [, name = ''] = request.path.split('/');
    response.statusCode = statuses.get(name) ?? 200;
    if (response.statusCode === 302) response.setHeader('location', 'http://169.254.169.254/latest/meta-data/');
    response.end(JSON.stringify({ got: request.headers.authorization ?? null }));
  });
  sink = await startWebhookSink();
  platform = await startTestPlatform('separate processes', {
    HEALTH_SYNC_SECONDS: '1',
    EGRESS_ALLOW: '127.0.0.1',
    VERSION: '7.1.0',
  });
  admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  const created = await createTestAgent(admin, { skills: SKILLS as never });
  ownerId = created.id;
  owner = new TestClient(platform.gateway, created.key);
  const { username, password, host } = new URL(platform.tapUrl);
  tap = await connect({ servers: host, user: username, pass: password, inboxPrefix: '_INBOX.tap' });
  tap.subscribe('events.integration.>', { callback: (_error, message) => void told.push(message.json()) });
  await tap.flush();
  bad = await Promise.all(
    (['silent', 'drip', 'huge'] as const).map((kind) =>
      define({ baseUrl: sink.urlOf('x', kind), healthCheck: { path: '/health', interval: '1s', credential: false } }),
    ),
  );
  good = await define();
});
afterAll(async () => {
  await tap?.close();
  await platform?.stop();
  await peer?.stop();
  await sink?.stop();
});

/** Scenarios that wait for most of their time run together; each is a test of its own. */
function together(scenarios: Readonly<Record<string, () => Promise<void>>>): void {
  const running = new Map<string, Promise<void>>();
  beforeAll(() => {
    for (const [name, scenario] of Object.entries(scenarios)) {
      const run = scenario();
      run.catch(() => undefined);
      running.set(name, run);
    }
  });
  it.each(Object.keys(scenarios))('%s', (name) => running.get(name));
}

/** An integration of the peer with a check each second, connected. */
async function define(fields: object = {}, client = owner): Promise<Integration> {
  const name = `h${++counter}`;
  const answer = await client.post('/v1/integrations', {
    name,
    baseUrl: `${peer.url}/${name}`,
    authMethod: 'api_key',
    auth: { header: 'Authorization', prefix: 'Key ' },
    healthCheck: { path: '/health', interval: '1s' },
    ...fields,
  });
  expect(answer).toMatchObject({ status: 201 });
  const integration = answer.body.data as unknown as Integration;
  const connected = await client.post(`/v1/integrations/${integration.id}/connection`, { apiKey: SECRET });
  expect(connected.status).toBe(201);
  return integration;
}

async function healthOf(reference: string, client = owner): Promise<IntegrationHealth> {
  const { status, body } = await client.get(`/v1/integrations/${reference}/health`);
  expect([status, body]).toEqual([200, expect.anything()]);
  return body.data as unknown as IntegrationHealth;
}

const reaches = (id: string, state: IntegrationHealth['state']) =>
  until(`${id} to be ${state}`, async () => {
    const health = await healthOf(id);
    return health.state === state && health;
  });
const toldOf = (id: string) =>
  told.filter(({ subject }) => subject === id).map(({ type, data }) => data.error?.code ?? type);

const workflow = async (integration: string, more: object = {}) => {
  const definition = {
    ...more,
    steps: [{ id: 'call', type: 'integration', with: { integration, path: '/x' }, retry: { maxAttempts: 1 } }],
    output: '${{ steps.call.output.status }}',
  };
  const { status, body } = await owner.post('/v1/workflows', { name: `w${++counter}`, definition });
  expect([status, body]).toEqual([201, expect.anything()]);
  return (body.data as unknown as { id: string }).id;
};
const start = async (id: string) =>
  ((await owner.post(`/v1/workflows/${id}/runs`, { input: {} })).body.data as unknown as Run).id;
const runOf = async (id: string) => (await owner.get(`/v1/runs/${id}`)).body.data as unknown as Run;
const isSteppedBack = async (id: string, state: string) => {
  const { body } = await owner.get(`/v1/integrations/${id}`);
  return (body.data as unknown as Integration).health.state === state;
};

together({
  'checks find an integration healthy, down after three failures and back after two successes, and tell each once':
    async () => {
      const { id, name } = await define();
      const healthy = await reaches(id, 'healthy');
      expect(healthy).toMatchObject({
        consecutiveFailures: 0,
        token: { expiresAt: null, refreshable: false, expiring: false },
      });
      expect(healthy.recent[0]).toMatchObject({ outcome: 'ok', status: 200, code: null });
      statuses.set(name, 503);
      const down = await reaches(id, 'down');
      expect(down.consecutiveFailures).toBeGreaterThanOrEqual(3);
      expect(down.reason).toBe('The health check was answered 503, not 200 to 399.');
      statuses.delete(name);
      const back = await reaches(name, 'healthy');
      expect(back.changes.map(({ from, to }) => `${from} ${to}`)).toEqual([
        'down healthy',
        'healthy down',
        'unknown healthy',
      ]);
      const window = back.windows['1h'];
      expect(window.checks).toBeGreaterThanOrEqual(6);
      expect(window.uptime).toBeLessThan(1);
      expect(window.uptime).toBeGreaterThan(0);
      expect(window.latencyMs?.p99).toBeGreaterThanOrEqual(window.latencyMs?.p50 ?? Infinity);
      expect(back.windows['30d']).toMatchObject({ checks: window.checks, uptime: window.uptime });
      await until('the events', () => toldOf(id).length >= 3);
      expect(toldOf(id)).toEqual(['integration.connected', 'integration.down', 'integration.connected']);
      expect(told.filter(({ subject }) => subject === id).every(({ agentid }) => agentid === ownerId)).toBe(true);
      // Written to the integration, and listed with it.
      await until('the state of the integration', async () => {
        const { body } = await owner.get(`/v1/integrations/${id}`);
        return (body.data as unknown as Integration).health.state === 'healthy';
      });
      // What a replica that died has not handed on, another does; and what comes too late changes nothing.
      const [row] = await platform.database.query<{ sequence: string }>(
        'UPDATE health.integrations SET sequence = sequence + 1 WHERE id = $1 RETURNING sequence',
        [id],
      );
      const knownOf = () =>
        platform.database.query(
          'SELECT sequence, state FROM integration.integration_health WHERE integration_id = $1',
          [id],
        );
      const handedOn = [{ sequence: row?.sequence, state: 'healthy' }];
      await until('the hand-over', async () => JSON.stringify(await knownOf()) === JSON.stringify(handedOn));
      await platform.database.query(
        "UPDATE health.integrations SET handed_on = 0, sequence = 1, state = 'down' WHERE id = $1",
        [id],
      );
      await until('the late word', async () => {
        const [late] = await platform.database.query<{ late: number }>(
          'SELECT handed_on::int AS late FROM health.integrations WHERE id = $1',
          [id],
        );
        return late?.late === 1;
      });
      expect(await knownOf()).toEqual(handedOn);
    },

  'checks raise no alarm for single failures': async () => {
    const { id, name } = await define();
    await reaches(id, 'healthy');
    const seen = (await healthOf(id)).windows['1h'].checks;
    for (let n = 0; n < 2; n++) {
      statuses.set(name, 500);
      await until('a failure', async () => (await healthOf(id)).consecutiveFailures > 0);
      statuses.delete(name);
      await until('a success', async () => (await healthOf(id)).consecutiveFailures === 0);
    }
    const { windows, changes } = await healthOf(id);
    expect(windows['1h'].checks).toBeGreaterThan(seen + 3);
    expect(changes).toHaveLength(1);
    expect(toldOf(id)).toEqual(['integration.connected']);
  },

  'checks use the credential, or not, as the definition says, and want what status it says': async () => {
    const [withKey, without, teapot] = await Promise.all([
      define(),
      define({ healthCheck: { path: '/health', interval: '1s', credential: false } }),
      define({ healthCheck: { path: '/health', interval: '1s', expectedStatus: 418 } }),
    ]);
    statuses.set(teapot.name, 418);
    for (const { id } of [withKey, without, teapot]) await reaches(id, 'healthy');
    const keysOf = ({ name }: Integration) =>
      new Set(
        peer.requests.filter(({ path }) => path === `/${name}/health`).map(({ headers }) => headers.authorization),
      );
    expect(keysOf(withKey)).toEqual(new Set([`Key ${SECRET}`]));
    expect(keysOf(without)).toEqual(new Set([undefined]));
    const { id } = await define({ healthCheck: { path: '/health', interval: '1s', credential: false } });
    await owner.send('DELETE', `/v1/integrations/${id}/connection`);
    await reaches(id, 'healthy');
  },

  'checks want a credential that is refused to be connected again, and forget it with the next one': async () => {
    const { id, name } = await define();
    await reaches(id, 'healthy');
    statuses.set(name, 401);
    await reaches(id, 'reauth_required');
    await until('the event', () => toldOf(id).includes('integration.credential.refused'));
    statuses.delete(name);
    await owner.post(`/v1/integrations/${id}/connection`, { apiKey: `${SECRET}2` });
    await reaches(id, 'healthy');
    await until('the events', () => toldOf(id).length >= 3);
    expect(toldOf(id)).toEqual(['integration.connected', 'integration.credential.refused', 'integration.connected']);
  },

  'checks do not know how one is that is not connected': async () => {
    const { id } = await define();
    await reaches(id, 'healthy');
    await owner.send('DELETE', `/v1/integrations/${id}/connection`);
    await reaches(id, 'unknown');
    expect(toldOf(id)).not.toContain('integration.down');
  },

  'checks refuse addresses that are not allowed, by name, redirect or definition': async () => {
    const [redirecting, forbidden, relative] = await Promise.all([
      define(),
      define({ baseUrl: 'http://127.0.0.2:9', allowedHosts: ['127.0.0.2:9'] }),
      define({ healthCheck: { path: '/@169.254.169.254/../../x', interval: '1s' } }),
    ]);
    statuses.set(redirecting.name, 302);
    for (const { id } of [redirecting, forbidden, relative]) await reaches(id, 'down');
    const codes = await Promise.all(
      [redirecting, forbidden].map(async ({ id }) => (await healthOf(id)).recent[0]?.code),
    );
    expect(codes).toEqual(['integration.host.not-allowed', 'egress.address.forbidden']);
  },

  'checks are not held up by peers that are silent, drip or send a gibibyte': async () => {
    const [silent, drip, huge] = bad.map(({ id }) => id);
    expect((await reaches(huge ?? '', 'down')).recent[0]?.code).toBe('egress.response.too-large');
    for (const id of [silent, drip]) {
      const { recent } = await until('the end of its time', async () => {
        const health = await healthOf(id ?? '');
        return health.recent.length > 0 && health;
      });
      expect(recent[0]).toMatchObject({ code: 'egress.timeout', status: null });
    }
    // One takes ten seconds, and each of the others had its checks meanwhile.
    const { checks } = (await healthOf(good.id)).windows['1h'];
    expect(checks).toBeGreaterThanOrEqual(7);
  },

  'calls degrade an integration of which many fail, and one without a check is known by them': async () => {
    const { id, name } = await define({ healthCheck: undefined });
    const call = (path: string) => owner.post(`/v1/integrations/${id}/execute`, { method: 'POST', path });
    await call('/x');
    await reaches(id, 'healthy');
    statuses.set(name, 500);
    for (let n = 0; n < 9; n++) await call('/x');
    const { reason, windows, nextCheckAt } = await reaches(id, 'degraded');
    expect(reason).toBe('9 of 10 calls in the last minutes were not answered, or with a status from 500 on.');
    expect(windows['1h']).toMatchObject({ checks: 0, uptime: null, latencyMs: null, calls: 10, errorRate: 0.9 });
    expect(nextCheckAt).toBeNull();
    expect(toldOf(id)).toEqual(['integration.connected']);
  },

  'tokens are warned of once before they end, and told of once when they have': async () => {
    const { id } = await define({ healthCheck: undefined });
    const expire = (interval: string) =>
      platform.database.query(
        `UPDATE integration.integration_credentials SET expires_at = now() + $2::interval WHERE integration_id = $1`,
        [id, interval],
      );
    await expire('1 hour');
    await until('the warning', () => toldOf(id).includes('integration.token.expiring'));
    expect((await healthOf(id)).token).toMatchObject({ refreshable: false, expiring: true });
    await expire('-1 second');
    await reaches(id, 'reauth_required');
    await until('the end', () => toldOf(id).includes('integration.reauth-required'));
    expect(toldOf(id)).toEqual(['integration.connected', 'integration.token.expiring', 'integration.reauth-required']);
  },

  'who may see it is the owner, agents that were granted it, at once, and an administrator': async () => {
    const { id, name } = await define();
    await reaches(id, 'healthy');
    const other = await createTestAgent(admin, { skills: SKILLS as never });
    const stranger = new TestClient(platform.gateway, other.key);
    for (const reference of [id, name]) {
      const answer = await stranger.get(`/v1/integrations/${reference}/health`);
      expect(answer).toMatchObject({ status: 404, body: { code: 'integration.not-found' } });
    }
    await owner.send('PATCH', `/v1/integrations/${id}`, JSON.stringify({ grants: [{ agentId: other.id }] }));
    expect((await healthOf(name, stranger)).state).toBe('healthy');
    expect((await healthOf(id, admin)).state).toBe('healthy');
    await owner.send('PATCH', `/v1/integrations/${id}`, JSON.stringify({ grants: [] }));
    await until(
      'the end of the grant',
      async () => (await stranger.get(`/v1/integrations/${id}/health`)).status === 404,
    );
  },

  'a run whose step needs an integration that is down waits with a reason, goes on by itself when it is back, and can be cancelled; or fails, where the workflow says so':
    async () => {
      const { id, name } = await define();
      await reaches(id, 'healthy');
      statuses.set(name, 503);
      await until('the state', () => isSteppedBack(id, 'down'));
      const [waits, fails] = await Promise.all([workflow(name), workflow(name, { whenIntegrationDown: 'fail' })]);
      const [first, second, failing] = await Promise.all([start(waits), start(waits), start(fails)]);
      const waiting = await until('the wait', async () => {
        const run = await runOf(first);
        return run.status === 'waiting' && run;
      });
      expect(waiting.waitingFor).toMatchObject({ type: 'integration', integrationId: id, stepId: 'call' });
      expect(waiting.waitingFor?.detail).toContain(`${name} has been down since`);
      const failed = await until('the failure', async () => {
        const run = await runOf(failing);
        return run.status === 'failed' && run;
      });
      expect(failed.error).toMatchObject({ code: 'integration.down', stepId: 'call' });
      // A direct call is made all the same.
      const direct = await owner.post(`/v1/integrations/${id}/execute`, { path: '/direct' });
      expect(direct.body.data).toMatchObject({ status: 503 });
      await until('the wait of the second', async () => (await runOf(second)).status === 'waiting');
      await owner.post(`/v1/runs/${second}/cancel`, {});
      await until('the end', async () => (await runOf(second)).status === 'cancelled');
      expect(peer.requests.filter(({ path }) => path === `/${name}/x`)).toHaveLength(0);
      statuses.delete(name);
      const done = await until('the end', async () => {
        const run = await runOf(first);
        return run.status === 'completed' && run;
      });
      expect(done.output).toBe(200);
      expect(peer.requests.filter(({ path }) => path === `/${name}/x`)).toHaveLength(1);
    },
});

it('a run waits outside of memory, through the death of its executor, and finds by itself what nobody has told it', async () => {
  const { id, name } = await define();
  await reaches(id, 'healthy');
  statuses.set(name, 503);
  await until('the state', () => isSteppedBack(id, 'down'));
  const run = await start(await workflow(id));
  const parked = () =>
    platform.database.query<{ seconds: number }>(
      `SELECT extract(epoch FROM wake_at - now())::float8 AS seconds FROM workflow.workflow_runs
       WHERE id = $1 AND lease_owner IS NULL AND status = 'waiting' AND wake_at > now()`,
      [run],
    );
  const [row] = await until('the parking', async () => {
    const rows = await parked();
    return rows.length > 0 && rows;
  });
  expect(row?.seconds).toBeLessThan(75);
  await platform.separate?.processes.get('workflow-executor')?.kill();
  await platform.separate?.startService('workflow-executor');
  // As if nobody had heard that it is back, and the minute after which the step asks again had passed. Health goes on failing it.
  await platform.separate?.processes.get('health')?.kill();
  await platform.database.query(
    "UPDATE integration.integration_health SET state = 'healthy' WHERE integration_id = $1",
    [id],
  );
  statuses.delete(name);
  expect(await parked()).toHaveLength(1);
  await platform.database.query('UPDATE workflow.workflow_runs SET wake_at = now() WHERE id = $1', [run]);
  await until('the end', async () => (await runOf(run)).status === 'completed');
  await platform.separate?.startService('health');
});

it('there is no secret to see in answers, tables, logs or events', async () => {
  const rows = await platform.database.query<{ text: string }>(
    `SELECT (SELECT json_agg(i) FROM health.integrations i)::text || coalesce((SELECT json_agg(o) FROM health.outbox o)::text, '')
       || (SELECT json_agg(s) FROM health.state_changes s)::text AS text`,
  );
  const logs = [...(platform.separate?.processes.values() ?? [])].map((process) => process.output()).join('');
  for (const text of [rows[0]?.text ?? '', logs, JSON.stringify(told)]) expect(text).not.toContain(SECRET);
});

describe('the status of the platform', () => {
  async function statusOf(): Promise<PlatformStatus> {
    const { status, body } = await admin.get('/v1/status');
    expect([status, body]).toEqual([200, expect.anything()]);
    return body.data as unknown as PlatformStatus;
  }
  const of = (status: PlatformStatus, name: string) => status.services.find(({ service }) => service === name);

  it('shows the build, readiness, queues and outbox of every replica of every service', async () => {
    await platform.separate?.startService('health');
    const status = await statusOf();
    expect(status.status).toBe('ok');
    expect(status.services.map(({ service }) => service).sort()).toEqual(['gateway', ...SERVICE_NAMES].sort());
    expect(of(status, 'health')?.replicas).toHaveLength(2);
    for (const { service, replicas } of status.services) {
      for (const replica of replicas) {
        const database = service === 'gateway' || service === 'query-engine' ? {} : { database: 'ok' };
        expect(replica).toMatchObject({ version: '7.1.0', ready: true, checks: { bus: 'ok', ...database } });
        expect(replica.build).toMatch(/^[0-9a-f]{12}$/);
        expect(Object.values(replica.queues)).not.toContain(null);
        if ('database' in database) expect(replica.outbox?.rows).toBeLessThanOrEqual(10_000);
      }
    }
    expect(of(status, 'workflow-executor')?.replicas[0]?.queues).toEqual({
      oldestReadySeconds: 0,
      runsInMemory: 0,
      runsReady: 0,
      runsWaiting: 0,
      commandsOpen: 0,
    });
    expect(of(status, 'webhook-receiver')?.replicas[0]?.queues).toMatchObject({ deliveriesWaiting: 0, deadLetters: 0 });
    expect(of(status, 'gateway')?.replicas[0]?.queues).toMatchObject({ openStreams: 0 });
  });

  it('counts what waits in an outbox, and how long the oldest has', async () => {
    await platform.separate?.processes.get('webhook-receiver')?.kill();
    await createTestAgent(admin);
    const status = await until('the age of the oldest', async () => {
      const seen = await statusOf();
      return (of(seen, 'auth')?.replicas[0]?.outbox?.oldestSeconds ?? 0) >= 1 && seen;
    });
    expect(of(status, 'auth')?.replicas[0]?.outbox?.rows).toBeGreaterThanOrEqual(1);
    expect(status.status).toBe('degraded');
    expect(of(status, 'webhook-receiver')).toEqual({
      service: 'webhook-receiver',
      status: 'unreachable',
      replicas: [],
    });
    await platform.separate?.startService('webhook-receiver');
    await until('all to be well', async () => (await statusOf()).status === 'ok');
  });

  it('is for system_admin alone', async () => {
    const { key } = await createTestAgent(admin, { skills: ['integration_read'] });
    const answer = await new TestClient(platform.gateway, key).get('/v1/status');
    expect(answer).toMatchObject({ status: 403, body: { missingCapability: 'system_admin' } });
  });
});
