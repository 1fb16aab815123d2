import { AGENT_CHANGED_SUBJECT, type AgentWithFirstKey, type AgentWithKeys } from '@agent-platform/contracts';
import {
  createTestAgent,
  startPeer,
  startTestPlatform,
  TestClient,
  until,
  type TestPlatform,
} from '@agent-platform/testing';
import { connect as connectNats } from 'nats';
import { connect } from 'node:net';
import { Client } from 'pg';

/** What a revocation may take (SPEC section 3). */
const MAX_DELAY_MS = 1000;
const TIMES = 200;

let platform: TestPlatform;
let admin: TestClient;
let gateways: string[];

beforeAll(async () => {
  platform = await startTestPlatform('separate processes');
  admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  const second = await platform.separate?.startService('gateway');
  gateways = [platform.gateway, `http://127.0.0.1:${second?.port}`];
});
afterAll(() => platform?.stop());

/** Asks both gateways as one agent, over and over, until told to stop; answers when the last request with a 2xx was sent. */
function press({ key }: AgentWithFirstKey) {
  let stopped = false;
  let lastAllowedAt = 0;
  let refused = 0;
  const loops = gateways.map(async (gateway) => {
    const client = new TestClient(gateway, key);
    while (!stopped) {
      const sentAt = performance.now();
      const { status } = await client.get('/v1/me');
      if (status < 300) lastAllowedAt = sentAt;
      else refused++;
    }
  });
  return {
    isAllowed: () => lastAllowedAt > 0,
    refusals: () => refused,
    stop: async () => {
      stopped = true;
      await Promise.all(loops);
      return lastAllowedAt;
    },
  };
}

const END: readonly (readonly [string, (agent: AgentWithFirstKey) => Promise<unknown>])[] = [
  [
    'revoked',
    async ({ id }) => {
      const { keys } = (await admin.get(`/v1/agents/${id}`)).body.data as unknown as AgentWithKeys;
      return admin.send('DELETE', `/v1/agents/${id}/keys/${keys[0]?.id}`);
    },
  ],
  ['suspended', ({ id }) => admin.send('PATCH', `/v1/agents/${id}`, '{"status": "suspended"}')],
];

it.each(END)(
  'under load, an agent that is %s gets nothing from any gateway a second later',
  async (what, end) => {
    const delays: number[] = [];
    for (let batch = 0; batch < TIMES / 2 / 10; batch++) {
      const agents = await Promise.all(Array.from({ length: 10 }, () => createTestAgent(admin)));
      await Promise.all(
        agents.map(async (agent) => {
          const load = press(agent);
          await until('the load', load.isAllowed);
          await end(agent);
          const answeredAt = performance.now();
          const before = load.refusals();
          await until('refusals', () => load.refusals() > before + 4);
          delays.push((await load.stop()) - answeredAt);
        }),
      );
    }
    expect(delays).toHaveLength(TIMES / 2);
    expect(delays.filter((delay) => delay > MAX_DELAY_MS)).toEqual([]);
    process.stdout.write(
      `${what} ${TIMES / 2} times: last request let through was sent ${Math.max(...delays).toFixed(0)} ms after the answer\n`,
    );
  },
  120_000,
);

it('a request whose body came after its key was revoked does nothing', async () => {
  const { key, id } = await createTestAgent(admin, { skills: ['workflow_manage'] });
  const body = JSON.stringify({
    definition: { name: 'late', steps: [{ id: 'one', type: 'transform', with: { value: 1 } }] },
  });
  const { hostname, port } = new URL(platform.gateway);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.on('data', (chunk) => (answer += chunk.toString()));
  const ended = new Promise((resolve) => socket.once('close', resolve));
  const head = [
    'POST /v1/workflows HTTP/1.1',
    'Host: x',
    `Authorization: Bearer ${key}`,
    'Content-Type: application/json',
  ];
  socket.write([...head, `Content-Length: ${body.length}`, 'Connection: close', '', body.slice(0, 10)].join('\r\n'));
  const used = async () =>
    ((await admin.get(`/v1/agents/${id}`)).body.data as unknown as AgentWithKeys).keys[0]?.lastUsedAt;
  await until('the head to be read', async () => (await used()) !== null);
  await END[0]?.[1]({ id, key } as AgentWithFirstKey);
  socket.write(body.slice(10));
  await ended;
  expect(answer).toMatch(/^HTTP\/1\.1 401/);
  expect(await platform.database.query("SELECT FROM workflow.workflows WHERE name = 'late'")).toEqual([]);
});

it('a request that was under way when its key was revoked is not answered with what it asked for', async () => {
  let release = () => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  const peer = await startPeer((_request, response) => void gate.then(() => response.end('{"secret": 1}')));
  const agent = await createTestAgent(admin, { skills: ['workflow_manage', 'workflow_execute'] });
  const client = new TestClient(platform.gateway, agent.key);
  const definition = { name: 'slow', steps: [{ id: 'one', type: 'http', with: { url: peer.url } }] };
  const created = await client.post('/v1/workflows', { definition });
  const { id } = created.body.data as unknown as { id: string };
  const startedAt = performance.now();
  const running = client.post(`/v1/workflows/${id}/runs?wait=30`, {});
  await until('the call', () => peer.requests.length > 0);
  // A short request may still be answered, as the revocation has a second's time.
  await until('the request to be a long one', () => performance.now() - startedAt > 600);
  await END[0]?.[1](agent);
  release();
  expect((await running).status).toBe(401);
  await peer.stop();
});

it('a request that comes after its key was revoked is not answered with what was read of the key before', async () => {
  const { key, id } = await createTestAgent(admin);
  const client = new TestClient(platform.gateway, key);
  const psql = [new Client({ connectionString: platform.database.url }), new Client(platform.database.url)] as const;
  await Promise.all(psql.map((session) => session.connect()));
  const [revoking, holding] = psql;
  const waiting = (count: number) =>
    until(`${count} sessions that wait for the key's row`, async () => {
      const rows = await platform.database.query(
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%api_keys%'",
      );
      return rows.length === count;
    });
  // Looking a key up ends with noting its use: a lookup that has read the key waits for its row.
  await revoking.query('BEGIN');
  await revoking.query('UPDATE auth.api_keys SET revoked_at = now() WHERE agent_id = $1', [id]);
  const held = holding.query(`BEGIN; SELECT FROM auth.api_keys WHERE agent_id = '${id}' FOR UPDATE`);
  await waiting(1);
  const before = client.get('/v1/me');
  await waiting(2);
  const url = new URL(platform.separate?.natsUrl('workflow-executor') ?? '');
  const bus = await connectNats({ servers: url.host, user: url.username, pass: url.password });
  const announced = new Promise((resolve) => bus.subscribe(AGENT_CHANGED_SUBJECT, { callback: resolve }));
  await bus.flush();
  await revoking.query('COMMIT');
  await held;
  await announced;
  // Its answer comes behind the announcement, on the gateway's one connection.
  expect((await admin.get('/v1/me')).status).toBe(200);
  const after = client.get('/v1/me');
  await waiting(2);
  await holding.query('ROLLBACK');
  expect((await after).status).toBe(401);
  await before;
  await Promise.all([bus.close(), ...psql.map((session) => session.end())]);
});
