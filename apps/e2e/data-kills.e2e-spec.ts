import type { CloudEvent, Document } from '@agent-platform/contracts';
import {
  createTestAgent,
  startTestPlatform,
  TestClient,
  testScale,
  until,
  type Answer,
  type TestPlatform,
} from '@agent-platform/testing';
import { randomUUID } from 'node:crypto';

/** `TEST_SCALE=10 npx jest apps/e2e/data-kills` kills more, and writes more. */
const WRITERS = 8;
const CHANGES = 12 * testScale();
const KILLS = 2 * testScale();

let platform: TestPlatform;
let client: TestClient;

beforeAll(async () => {
  platform = await startTestPlatform('separate processes', { ACTION_TIMEOUT_MS: '1000' });
  const admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  const { key } = await createTestAgent(admin, { skills: ['data_read', 'data_write', 'event_subscribe'] });
  client = new TestClient(platform.gateway, key);
});
afterAll(() => platform?.stop());

/** Sends the same request, under the same key, until it is answered. */
function insist(send: (headers: Record<string, string>) => Promise<Answer>): Promise<Answer> {
  const headers = { 'idempotency-key': randomUUID() };
  return until(
    'an answer',
    async () => {
      const answer = await send(headers);
      return answer.status < 500 && answer.body.code !== 'request.idempotency-key.in-progress' && answer;
    },
    30_000,
  );
}

it('makes each change once, with its event and its audit row, whatever is killed meanwhile', async () => {
  let writing = true;
  const killer = async () => {
    for (let kill = 0; kill < KILLS && writing; kill++) {
      await until('some more changes', async () => {
        const rows = await platform.database.query<{ version: number }>(
          'SELECT coalesce(sum(version), 0)::int AS version FROM data.documents',
        );
        return !writing || (rows[0]?.version ?? 0) > 20 * (kill + 1);
      });
      await platform.separate?.processes.get('query-engine')?.kill();
      await platform.separate?.startService('query-engine');
    }
  };
  const writer = async (name: string) => {
    const { body } = await insist((headers) => client.post('/v1/data/kills', { document: { name } }, headers));
    const { id } = body.data as unknown as Document;
    for (let n = 0; n < CHANGES; n++) {
      const change = JSON.stringify({ document: { [`f${n}`]: n } });
      const answer = await insist((headers) =>
        client.send('PATCH', `/v1/data/kills/${id}`, change, { ...headers, 'if-match': `"${n + 1}"` }),
      );
      // A change that was made and not answered would be refused here if its answer had not been kept with it.
      expect([answer.status, answer.headers.get('etag')]).toEqual([200, `"${n + 2}"`]);
    }
  };
  const written = Promise.all(Array.from({ length: WRITERS }, (_none, n) => writer(`w${n}`))).finally(
    () => (writing = false),
  );
  await Promise.all([killer(), written]);

  const { body } = await client.get('/v1/data/kills');
  const documents = body.data as unknown as Document[];
  expect(documents).toHaveLength(WRITERS);
  for (const { version, document } of documents)
    expect([version, Object.keys(document).length]).toEqual([CHANGES + 1, CHANGES + 1]);
  const changes = WRITERS * (CHANGES + 1);
  await until('everything to be handed on', async () => {
    const rows = await platform.database.query('SELECT FROM data.outbox');
    return rows.length === 0;
  });
  const events = await platform.database.query<{ payload: string }>(
    `SELECT payload FROM event.events WHERE type LIKE 'data.%'`,
  );
  const told = events.map(({ payload }) => {
    const { subject, data } = JSON.parse(payload) as CloudEvent;
    return `${subject} ${JSON.stringify((data as { version?: number }).version)}`;
  });
  expect([told.length, new Set(told).size]).toEqual([changes, changes]);
  const audited = await platform.database.query(
    `SELECT FROM auth.audit_log WHERE action LIKE 'data.%' AND decision = 'allowed' AND target_type = 'document'`,
  );
  expect(audited).toHaveLength(changes);
});
