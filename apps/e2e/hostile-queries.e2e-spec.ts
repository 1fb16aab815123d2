import { createTestAgent, startTestPlatform, TestClient, type TestPlatform } from '@agent-platform/testing';
import { HOSTILE_QUERIES } from './hostile-queries.cases';

let platform: TestPlatform;
let client: TestClient;
let stranger: TestClient;

beforeAll(async () => {
  platform = await startTestPlatform('one process', { QUERY_TIMEOUT_MS: '1000', MAX_QUERY_COST: '50000' });
  const admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  const newAgent = async () => {
    const { key } = await createTestAgent(admin, { skills: ['data_read', 'data_write', 'data_query'] });
    return new TestClient(platform.gateway, key);
  };
  [client, stranger] = [await newAgent(), await newAgent()];
  for (const a of ['x', 1, null, ['y'], { b: 'z' }]) {
    await client.post('/v1/data/things', { document: { a, secret: 'mine' } });
    await stranger.post('/v1/data/things', { document: { a, secret: 'theirs' } });
  }
});
afterAll(() => platform?.stop());

it('is asked at least 150 queries, each of its own', () => {
  expect(new Set(HOSTILE_QUERIES.map(([, body]) => body)).size).toBe(HOSTILE_QUERIES.length);
  expect(HOSTILE_QUERIES.length).toBeGreaterThanOrEqual(150);
});

it('refuses each with its path, or answers it', async () => {
  const wrong: unknown[] = [];
  for (const [name, body, expected] of HOSTILE_QUERIES) {
    const { status, body: answer } = await client.send('POST', '/v1/data/things/query', body);
    const text = JSON.stringify(answer);
    const isRight =
      expected === 200
        ? status === 200 && !text.includes('theirs')
        : status === 422 && answer.errors?.some(({ path }) => path === expected);
    if (!isRight) wrong.push([name, expected, status, text.slice(0, 400)]);
    if (/pg_|syntax error|SQLSTATE|relation/.test(JSON.stringify(answer.detail ?? '')))
      wrong.push([name, answer.detail]);
  }
  process.stdout.write(`hostile queries: ${HOSTILE_QUERIES.length}\n`);
  expect(wrong).toEqual([]);
  // Nothing of it did anything.
  const { body } = await client.post('/v1/data/things/query', { aggregate: { n: { count: true } } });
  expect(body.data).toEqual([{ n: 5 }]);
});

it('refuses them by the action envelope as by their own path', async () => {
  for (const [name, text, expected] of HOSTILE_QUERIES.filter((_query, index) => index % 7 === 0)) {
    // The envelope is read and written again on its way, which makes null of a number that is none.
    if (text.includes('e999')) continue;
    const body = `{"action":"data.query","params":${text.replace('{', '{"collection":"things",')}}`.replace(',}', '}');
    const { status } = await client.send('POST', '/v1/actions', body);
    expect([name, status]).toEqual([name, expected === 200 ? 200 : 422]);
  }
});

it('goes on from a cursor with the query that it came from, and with no other', async () => {
  const query = { filter: { secret: 'mine' }, sort: [{ field: 'a' }], limit: 2 };
  const ask = (more: object) => client.post('/v1/data/things/query', { ...query, ...more });
  const cursor = (await ask({})).body.page?.nextCursor;
  expect((await ask({ cursor })).body.data).toHaveLength(2);
  expect((await ask({ cursor, limit: 200 })).body.data).toHaveLength(3);
  for (const other of [
    { filter: { secret: 'theirs' } },
    { sort: [{ field: 'b' }] },
    { sort: [{ field: 'a', direction: 'desc' }] },
    { sort: [] },
    { select: ['a'] },
    { groupBy: ['a'] },
  ]) {
    const { status, body } = await ask({ ...other, cursor });
    expect([other, status, body.errors?.[0]?.path]).toEqual([other, 422, 'cursor']);
  }
  // Of another agent it shows where its page begins in one's own documents, and nothing else.
  const theirs = await stranger.post('/v1/data/things/query', { ...query, cursor });
  expect(JSON.stringify(theirs.body)).not.toContain('mine');
});

it('ends a query that takes too long, refuses one that would cost too much, and goes on with others', async () => {
  const [collection] = await platform.database.query<{ id: string; agentId: string }>(
    `SELECT c.id, c.agent_id AS "agentId" FROM data.collections c JOIN data.documents d ON d.collection_id = c.id WHERE d.document ->> 'secret' = 'mine' LIMIT 1`,
  );
  await platform.database.query(
    `INSERT INTO data.documents (id, collection_id, agent_id, created_by, document)
     SELECT gen_random_uuid(), $1, $2, $2, jsonb_build_object('n', n, 'list', (SELECT jsonb_agg(m) FROM generate_series(1, 50) m))
     FROM generate_series(1, 20000) n`,
    [collection?.id, collection?.agentId],
  );
  await platform.database.query('ANALYZE data.documents');
  // Every term takes the document apart again, and none of them holds.
  const heavy = { filter: { or: Array.from({ length: 500 }, (_none, n) => ({ list: { contains: -1 - n } })) } };
  const expensive = await client.post('/v1/data/things/query', { ...heavy, sort: [{ field: 'n' }] });
  expect([expensive.status, expensive.body.code]).toEqual([422, 'data.query.too-expensive']);
  const slow = await client.post('/v1/data/things/query', heavy);
  expect([slow.status, slow.body.code, slow.body.retryable]).toEqual([422, 'data.query.too-slow', false]);
  expect((await client.post('/v1/data/things/query', { filter: { n: 7 } })).body.data).toHaveLength(1);
});
