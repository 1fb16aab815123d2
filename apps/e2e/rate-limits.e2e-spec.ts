import {
  createTestAgent,
  startTestPlatform,
  TestClient,
  type Answer,
  type TestPlatform,
} from '@agent-platform/testing';

const LIMIT = 60;
/** At most 5 % under it. */
const AT_LEAST = 57;
const WINDOW_MS = 60_000;
const PAUSE_MS = 150;

let platform: TestPlatform;
let admin: TestClient;
let gateways: string[];

beforeAll(async () => {
  platform = await startTestPlatform('separate processes');
  admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  gateways = [platform.gateway];
  for (let more = 1; more <= 2; more++) {
    const gateway = await platform.separate?.startService('gateway');
    gateways.push(`http://127.0.0.1:${gateway?.port}`);
  }
});
afterAll(() => platform?.stop());

const rateOf = ({ headers }: Answer) => ({ policy: headers.get('ratelimit-policy'), rate: headers.get('ratelimit') });

it('lets no agent over its limit in any 60 seconds, over three gateways, and close to it', async () => {
  const { key } = await createTestAgent(admin, { rateLimitRpm: LIMIT });
  const clients = gateways.map((gateway) => new TestClient(gateway, key));
  /** When each request that was let through was sent. */
  const allowed: number[] = [];
  const statuses = new Set<number>();
  const request = async (client: TestClient) => {
    const sentAt = Date.now();
    const { status } = await client.get('/v1/me');
    statuses.add(status);
    if (status === 200) allowed.push(sentAt);
  };
  await Promise.all(clients.flatMap((client) => Array.from({ length: 200 }, () => request(client))));
  const atOnce = allowed.length;
  // Pressed until the window has moved on, and there is a second one's worth.
  while (allowed.length < LIMIT + AT_LEAST) {
    await Promise.all(clients.map(request));
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  allowed.sort((a, b) => a - b);
  const inWindow = allowed.map((from) => allowed.filter((at) => at >= from && at < from + WINDOW_MS).length);
  expect([...statuses].sort()).toEqual([200, 429]);
  expect(atOnce).toBeGreaterThanOrEqual(AT_LEAST);
  expect(Math.max(...inWindow)).toBeLessThanOrEqual(LIMIT);
  process.stdout.write(
    `rate limit: 3 × 200 at once: ${atOnce} let through; most in any 60 s: ${Math.max(...inWindow)} of ${LIMIT}\n`,
  );
}, 120_000);

it('says in each answer what the limit is, what is left, and when to come back', async () => {
  const { key } = await createTestAgent(admin, { rateLimitRpm: 3 });
  const agent = new TestClient(platform.gateway, key);
  const answers = [
    await agent.get('/v1/me'),
    await agent.get('/v1/workflows'),
    await agent.send('POST', '/v1/actions', '{'),
  ];
  expect(answers.map(({ status }) => status)).toEqual([200, 403, 400]);
  expect(answers.map(rateOf)).toEqual(
    [2, 1, 0].map((left) => ({
      policy: '"agent";q=3;w=60',
      rate: expect.stringContaining(`"agent";r=${left};t=`) as string,
    })),
  );
  const refused = await agent.get('/v1/me');
  expect(refused.status).toBe(429);
  expect(refused.body).toMatchObject({ code: 'auth.rate-limit.exceeded', retryable: true });
  const seconds = Number(refused.headers.get('retry-after'));
  expect(seconds).toBeGreaterThan(50);
  expect(seconds).toBeLessThanOrEqual(63);
  expect(refused.headers.get('ratelimit')).toBe(`"agent";r=0;t=${seconds}`);
  expect((await admin.get('/v1/nothing')).headers.get('ratelimit')).toBeNull();
});

it('follows a change of the limit at once, on every gateway', async () => {
  const { key, id } = await createTestAgent(admin, { rateLimitRpm: 2 });
  const setLimit = (rateLimitRpm: number) => admin.send('PATCH', `/v1/agents/${id}`, JSON.stringify({ rateLimitRpm }));
  const statuses = async () => {
    const found = [];
    for (const gateway of gateways) found.push((await new TestClient(gateway, key).get('/v1/me')).status);
    return found;
  };
  expect(await statuses()).toEqual([200, 200, 429]);
  await setLimit(8);
  expect(await statuses()).toEqual([200, 200, 200]);
  await setLimit(6);
  expect(await statuses()).toEqual([200, 429, 429]);
});

it('outlives the death of a gateway and of the ledger', async () => {
  const { key } = await createTestAgent(admin, { rateLimitRpm: 4 });
  const parts = platform.separate;
  const gateway = await parts?.startService('gateway');
  const dying = new TestClient(`http://127.0.0.1:${gateway?.port}`, key);
  for (let i = 0; i < 3; i++) expect((await dying.get('/v1/me')).status).toBe(200);
  await gateway?.kill();
  await parts?.processes.get('auth')?.kill();
  const agent = new TestClient(platform.gateway, key);
  expect((await agent.get('/v1/me')).status).toBe(503);
  await parts?.startService('auth');
  expect([await agent.get('/v1/me'), await agent.get('/v1/me')].map(({ status }) => status)).toEqual([200, 429]);
});
