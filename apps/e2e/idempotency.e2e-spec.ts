import {
  startTestPlatform,
  testEnvironment,
  TestClient,
  testScale,
  until,
  type TestPlatform,
} from '@agent-platform/testing';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** `TEST_SCALE=20 npx jest apps/e2e/idempotency` is the whole of it: 1000 keys. */
const KEYS = 50 * testScale();
const REQUESTS_PER_KEY = 10;
/** Keys that are under way at a time. */
const KEYS_AT_ONCE = 20;
const KEYS_BETWEEN_KILLS = 15;
/** What may be answered while parts are dead, or another request with the key is under way: the client comes back. */
const COME_BACK = [409, 503];

let platform: TestPlatform;
let client: TestClient;

beforeAll(async () => {
  platform = await startTestPlatform('separate processes');
  client = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
});
afterAll(() => platform?.stop());

/** Kills a part, and starts it again, each time so many more keys are done; answers how often. */
async function killParts(keysDone: () => number): Promise<number> {
  const parts = platform.separate;
  if (!parts) throw new Error('the services run in one process');
  const victims = ['workflow-executor', 'gateway', 'auth'] as const;
  let kills = 0;
  for (let at = KEYS_BETWEEN_KILLS; at < KEYS; at += KEYS_BETWEEN_KILLS) {
    await until(`${at} keys`, () => keysDone() >= at, 120_000);
    const victim = victims[Math.floor(Math.random() * victims.length)] ?? 'gateway';
    await parts.processes.get(victim)?.kill();
    kills++;
    const env: Record<string, string> = victim === 'gateway' ? { PORT: new URL(platform.gateway).port } : {};
    await parts.startService(victim, env);
  }
  return kills;
}

/** Sends one request until it is answered with what became of it. */
async function insist(path: string, body: object, key: string): Promise<string> {
  for (;;) {
    try {
      const answer = await client.post(path, body, { 'idempotency-key': key });
      if (answer.status === 201) return JSON.stringify(answer.body);
      if (!COME_BACK.includes(answer.status)) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
    } catch (error) {
      // The gateway is dead: the connection is refused or broke, perhaps in the middle of an answer. (By name, as Node's own
      // errors are of another realm than Jest's.)
      if (!['TypeError', 'SyntaxError'].includes((error as Error).name)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 50));
  }
}

/** What `audit:verify` prints, as an operator runs it in a container. */
function verifyAudit(): string {
  const main = join(testEnvironment().root, 'dist/apps/auth/main.js');
  const env = { PATH: process.env.PATH, DATABASE_URL: platform.database.urlOf('ap_auth') };
  return spawnSync(process.execPath, [main, 'audit:verify'], { encoding: 'utf8', env }).stdout;
}

it(
  `${KEYS} keys, 10 requests each at once, services and gateway killed all the while: ${KEYS} effects, and one answer for each key`,
  async () => {
    const answers = new Map<string, Set<string>>();
    const killed = killParts(() => answers.size);
    let next = 0;
    const worker = async () => {
      while (next < KEYS) {
        const number = next++;
        const key = `key-${number}`;
        // Of one service, and of one whose answer holds a secret that is shown this once.
        const [path, body] =
          number % 2 === 0
            ? [
                '/v1/workflows',
                { definition: { name: key, steps: [{ id: 'one', type: 'transform', with: { value: 1 } }] } },
              ]
            : ['/v1/agents', { name: key, type: 'tool' }];
        const same = Array.from({ length: REQUESTS_PER_KEY }, () => insist(path, body as object, key));
        answers.set(key, new Set(await Promise.all(same)));
      }
    };
    await Promise.all(Array.from({ length: KEYS_AT_ONCE }, worker));
    const kills = await killed;
    const [effects] = await platform.database.query<{ workflows: number; agents: number }>(
      `SELECT (SELECT count(*)::int FROM workflow.workflows WHERE name LIKE 'key-%') AS workflows,
       (SELECT count(*)::int FROM auth.agents WHERE name LIKE 'key-%') AS agents`,
    );
    expect(effects).toEqual({ workflows: KEYS / 2, agents: KEYS / 2 });
    expect([...answers].filter(([, different]) => different.size !== 1)).toEqual([]);
    expect(answers.size).toBe(KEYS);
    await until('all to be handed on', async () => {
      const [left] = await platform.database.query<{ rows: number }>(
        'SELECT (SELECT count(*) FROM auth.outbox)::int + (SELECT count(*) FROM workflow.outbox)::int AS rows',
      );
      return left?.rows === 0;
    });
    const audited = await platform.database.query(
      `SELECT count(*)::int AS rows, count(DISTINCT target_id)::int AS targets FROM auth.audit_log
     WHERE decision = 'allowed' AND action IN ('workflow.create', 'agent.create')`,
    );
    expect(audited).toEqual([{ rows: KEYS, targets: KEYS }]);
    expect(verifyAudit()).toMatch(/^ {2}✓ \d+ rows of 1 months? are as they were written/);
    process.stdout.write(`idempotency: ${KEYS} keys × ${REQUESTS_PER_KEY}, ${kills} kills: ${KEYS} effects\n`);
  },
  240_000 * testScale(),
);
