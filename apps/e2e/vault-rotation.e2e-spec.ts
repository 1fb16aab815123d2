import { SERVICES, type Integration } from '@agent-platform/contracts';
import {
  createTestAgent,
  MASTER_KEY,
  startApp,
  startPeer,
  startTestPlatform,
  TestClient,
  testEnvironment,
  testScale,
  until,
  type Peer,
  type TestPlatform,
} from '@agent-platform/testing';
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

const NEW_KEY = 'the next master key of the tests, 32 characters and more';
/** On every run; the 10 000 of the promise by hand: TEST_SCALE=20 npx jest apps/e2e/vault-rotation */
const CREDENTIALS = 100 * testScale();
const AT_ONCE = 16;
const KILLS = 3;
const CALLERS = 8;

let platform: TestPlatform;
let peer: Peer;
let client: TestClient;
let admin: TestClient;

beforeAll(async () => {
  peer = await startPeer((request, response) => {
    response.end(JSON.stringify({ got: String(request.headers['x-key']).startsWith('key-of-') }));
  });
  platform = await startTestPlatform('separate processes', { LOG_LEVEL: 'error', ACTION_TIMEOUT_MS: '2000' });
  admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  const { key } = await createTestAgent(admin, { skills: ['integration_manage', 'integration_execute'] });
  client = new TestClient(platform.gateway, key);
});
afterAll(async () => {
  await platform?.stop();
  await peer?.stop();
});

async function inParallel(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < count) await work(next++);
    }),
  );
}

/** `vault:rotate` as an operator runs it. */
function rotate(app: 'integrations' | 'auth'): {
  child: ChildProcess;
  ended: Promise<{ code: number | null; output: string }>;
} {
  const child = spawn(process.execPath, [join(testEnvironment().root, 'dist/apps', app, 'main.js'), 'vault:rotate'], {
    env: {
      PATH: process.env.PATH,
      DATABASE_URL: platform.database.urlOf(`ap_${SERVICES[app].schema}`),
      MASTER_KEY: NEW_KEY,
      MASTER_KEY_PREVIOUS: MASTER_KEY,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return { child, ended: new Promise((resolve) => child.once('exit', (code) => resolve({ code, output }))) };
}

const left = async () => {
  const [row] = await platform.database.query<{ left: number }>(
    'SELECT count(*)::int AS left FROM integration.integration_credentials WHERE key_version = 1',
  );
  return row?.left ?? 0;
};

it('every credential is wrapped with a new master key while agents go on calling, whatever is killed', async () => {
  await inParallel(CREDENTIALS, async (index) => {
    const fields = { name: `i${index}`, baseUrl: peer.url, authMethod: 'api_key', auth: { header: 'x-key' } };
    const { id } = (await client.post('/v1/integrations', fields)).body.data as unknown as Integration;
    await client.post(`/v1/integrations/${id}/connection`, { apiKey: `key-of-${index}` });
  });
  expect(await left()).toBe(CREDENTIALS);

  // The operator's first step: every replica knows both keys. The second one comes, the first goes.
  const keys = { MASTER_KEY: NEW_KEY, MASTER_KEY_PREVIOUS: MASTER_KEY };
  const parts = platform.separate;
  const first = parts?.processes.get('integrations');
  const stays = await parts?.startService('integrations', keys);
  await first?.stop();
  let other = await parts?.startService('integrations', keys);

  let isOver = false;
  const calls = { made: 0, repeated: 0 };
  const failures: string[] = [];
  const load = Array.from({ length: CALLERS }, async () => {
    while (!isOver) {
      const name = `i${Math.floor(Math.random() * CREDENTIALS)}`;
      // What a killed replica was at is asked again, as its answer says.
      const answer = await until(
        'an answer',
        async () => {
          const given = await client.post(`/v1/integrations/${name}/execute`, { path: '/', timeoutSeconds: 1 });
          if (given.status !== 503) return given;
          calls.repeated++;
          return false;
        },
        60_000,
      );
      calls.made++;
      const { data } = answer.body as { data?: { body?: { got?: boolean } } };
      if (data?.body?.got !== true) failures.push(JSON.stringify(answer.body));
    }
  });
  for (let kill = 0; kill < KILLS; kill++) {
    const { child, ended } = rotate('integrations');
    const before = await left();
    await until('the rotation to be in the middle', async () => {
      const now = await left();
      return now < before || now === 0 || child.exitCode !== null;
    });
    child.kill('SIGKILL');
    await ended;
    await other?.kill();
    other = await parts?.startService('integrations', keys);
  }
  const { code, output } = await rotate('integrations').ended;
  isOver = true;
  await Promise.all(load);

  expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining('0 left') as string });
  expect(failures).toEqual([]);
  expect(calls.made).toBeGreaterThan(CALLERS);
  expect(await left()).toBe(0);
  if (testScale() > 1) process.stdout.write(`${JSON.stringify(calls)} ${output}`);

  // The last step: the old key goes.
  await Promise.all([stays?.stop(), other?.stop()]);
  await parts?.startService('integrations', { MASTER_KEY: NEW_KEY });
  expect((await client.post('/v1/integrations/i0/execute', { path: '/' })).body).toMatchObject({
    data: { body: { got: true } },
  });
  await expect(parts?.startService('integrations', { MASTER_KEY })).rejects.toThrow(
    /integrations ended with 1: integrations: MASTER_KEY is not the one [^\n]*\n$/,
  );
}, 900_000);

it("auth's key goes with it: signing secrets and kept answers open as before", async () => {
  const { id } = await createTestAgent(admin, {});
  const once = { 'idempotency-key': 'one-secret' };
  const issue = () => admin.post(`/v1/agents/${id}/signing-secret`, {}, once);
  const first = await issue();
  expect(first.body).toHaveProperty('data.secret');
  const { secret } = first.body.data as unknown as { secret: string };
  const parts = platform.separate;
  await parts?.processes.get('auth')?.stop();
  const both = await parts?.startService('auth', { MASTER_KEY: NEW_KEY, MASTER_KEY_PREVIOUS: MASTER_KEY });
  expect(await rotate('auth').ended).toMatchObject({ code: 0, output: expect.stringContaining('1 keys') as string });
  expect(await rotate('auth').ended).toMatchObject({ code: 0, output: expect.stringContaining('0 keys') as string });
  await both?.stop();
  await parts?.startService('auth', { MASTER_KEY: NEW_KEY });
  expect((await issue()).body.data).toEqual({ secret });
  const env = { DATABASE_URL: platform.database.urlOf('ap_auth'), NATS_URL: parts?.natsUrl('auth') ?? '' };
  await expect(startApp('auth', { ...env, MASTER_KEY })).rejects.toThrow('MASTER_KEY is not the one');
});
