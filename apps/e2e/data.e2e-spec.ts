import type { CloudEvent, Document, JsonObject } from '@agent-platform/contracts';
import {
  createTestAgent,
  startTestPlatform,
  TestClient,
  until,
  type Answer,
  type TestPlatform,
} from '@agent-platform/testing';
import { randomUUID } from 'node:crypto';
import { Client } from 'pg';

let platform: TestPlatform;
let admin: TestClient;

beforeAll(async () => {
  platform = await startTestPlatform('one process');
  admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
});
afterAll(() => platform?.stop());

interface TestAgent {
  readonly id: string;
  readonly client: TestClient;
}

async function newAgent(): Promise<TestAgent> {
  const skills = ['data_read', 'data_write', 'data_query', 'event_subscribe'] as const;
  const { id, key } = await createTestAgent(admin, { skills: [...skills] });
  return { id, client: new TestClient(platform.gateway, key) };
}

function documentOf({ status, body }: Answer): Document {
  if (status >= 300) throw new Error(JSON.stringify(body));
  return body.data as unknown as Document;
}

const list = ({ body }: Answer) => body.data as unknown as Document[];
const patch = (client: TestClient, path: string, document: JsonObject, headers: Record<string, string> = {}) =>
  client.send('PATCH', path, JSON.stringify({ document }), headers);
const problem = ({ status, body }: Answer) => [status, body.code];

describe('a document', () => {
  it('is stored, read, changed and removed, with its version as ETag', async () => {
    const { id: agentId, client } = await newAgent();
    const stored = await client.post('/v1/data/leads', {
      document: { name: 'Ada', tags: ['a'], at: { city: 'Paris' } },
    });
    expect(stored.status).toBe(201);
    expect(stored.headers.get('etag')).toBe('"1"');
    const { id, createdAt, ...rest } = documentOf(stored);
    expect(rest).toEqual({
      collection: 'leads',
      agentId,
      version: 1,
      document: { name: 'Ada', tags: ['a'], at: { city: 'Paris' } },
      updatedAt: createdAt,
    });
    const path = `/v1/data/leads/${id}`;
    const read = await client.get(path);
    expect([read.headers.get('etag'), documentOf(read)]).toEqual(['"1"', documentOf(stored)]);
    // RFC 7396.
    const changed = await patch(client, path, { tags: null, at: { zip: '75001' }, visits: 8 });
    expect(changed.headers.get('etag')).toBe('"2"');
    const after = { name: 'Ada', at: { city: 'Paris', zip: '75001' }, visits: 8 };
    expect(documentOf(changed)).toMatchObject({ version: 2, document: after });
    expect(documentOf(await client.get(path))).toEqual(documentOf(changed));
    expect((await client.send('DELETE', path)).status).toBe(204);
    expect(problem(await client.get(path))).toEqual([404, 'data.document.not-found']);
    expect(problem(await client.send('DELETE', path))).toEqual([404, 'data.document.not-found']);
  });

  it('keeps its digits, its empty texts and its odd names', async () => {
    const { client } = await newAgent();
    const document =
      '{"__proto__":{"a":1},"":"","a.b":[[],{}],"n":0.1,"big":9007199254740993,"small":5e-324,"e":"\\u00e9\\ud83d\\ude00"}';
    const stored = await client.send('POST', '/v1/data/odd', `{"document":${document}}`);
    const { document: read } = documentOf(await client.get(`/v1/data/odd/${documentOf(stored).id}`));
    expect(read).toEqual(JSON.parse(document));
    const refused = await client.send('POST', '/v1/data/odd', '{"document":{"a":{"b":[1,1e999]}}}');
    expect(problem(refused)).toEqual([422, 'data.document.invalid']);
    expect(refused.body.errors).toMatchObject([{ path: 'document.a.b[1]' }]);
    // 60 KB that would be answered as 3 MB.
    const long = await client.send('POST', '/v1/data/odd', `{"document":{"list":[${'1e300,'.repeat(10_000)}1]}}`);
    expect(problem(long)).toEqual([422, 'data.document.invalid']);
  });

  it('is listed newest first, page by page, pages ending early where documents are large', async () => {
    const { client } = await newAgent();
    // The last has blanks behind its commas when Postgres writes it.
    const blobs = [
      ...Array.from({ length: 6 }, (_, n) => 'x'.repeat(n % 2 ? 1_000_000 : 400_000)),
      Array(500_000).fill(1),
    ];
    for (const [n, blob] of blobs.entries()) await client.post('/v1/data/pages', { document: { n, blob } });
    const seen: unknown[] = [];
    let cursor = '';
    let largest = 0;
    do {
      const { body } = await client.get(`/v1/data/pages?limit=200${cursor && `&cursor=${cursor}`}`);
      seen.push(...(body.data as unknown as Document[]).map(({ document }) => document.n));
      cursor = body.page?.nextCursor ?? '';
      largest = Math.max(largest, JSON.stringify(body).length);
    } while (cursor);
    expect(seen).toEqual([6, 5, 4, 3, 2, 1, 0]);
    expect(largest).toBeLessThan(2 * 1024 * 1024);
    expect(problem(await client.get('/v1/data/pages?cursor=abc'))).toEqual([422, 'request.invalid']);
    expect(problem(await client.get('/v1/data/nothing'))).toEqual([404, 'data.collection.not-found']);
  });
});

describe('If-Match', () => {
  it('lets a change through for the version that it names, and for no other', async () => {
    const { client } = await newAgent();
    const { id } = documentOf(await client.post('/v1/data/leads', { document: { n: 1 } }));
    const path = `/v1/data/leads/${id}`;
    const stale = await patch(client, path, { n: 2 }, { 'if-match': '"7"' });
    expect(problem(stale)).toEqual([412, 'data.document.version-mismatch']);
    expect(stale.body.detail).toContain('version 1, not 7');
    expect((await patch(client, path, { n: 2 }, { 'if-match': '"1"' })).status).toBe(200);
    expect((await patch(client, path, { n: 3 }, { 'if-match': '*' })).status).toBe(200);
    expect((await client.action('data.update', { collection: 'leads', id, document: {}, ifVersion: 2 })).status).toBe(
      412,
    );
    expect(problem(await client.send('DELETE', path, undefined, { 'if-match': '"1"' }))[0]).toBe(412);
    for (const wrong of ['1', 'W/"3"', '"1", "3"', '""']) {
      const refused = await client.send('DELETE', path, undefined, { 'if-match': wrong });
      expect([wrong, refused.status, refused.body.errors?.[0]?.path]).toEqual([wrong, 422, 'If-Match']);
    }
    const word = await client.send('DELETE', path, undefined, { 'if-match': '"abc"' });
    expect([word.status, word.body.errors?.[0]?.path]).toEqual([422, 'ifVersion']);
    const both = await client.send('DELETE', `${path}?ifVersion=2`, undefined, { 'if-match': '"3"' });
    expect(both.status).toBe(422);
    expect((await client.send('DELETE', path, undefined, { 'if-match': '"3"' })).status).toBe(204);
  });

  it('lets exactly one of many through at the same version', async () => {
    const { client } = await newAgent();
    const { id } = documentOf(await client.post('/v1/data/leads', { document: {} }));
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_none, n) =>
        patch(client, `/v1/data/leads/${id}`, { winner: n }, { 'if-match': '"1"' }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 19 }, () => 412)]);
    const winner = answers.findIndex(({ status }) => status === 200);
    expect(documentOf(await client.get(`/v1/data/leads/${id}`))).toMatchObject({ version: 2, document: { winner } });
  });
});

it('loses no field of changes that are made at the same time', async () => {
  const { client } = await newAgent();
  const { id } = documentOf(await client.post('/v1/data/leads', { document: {} }));
  const fields = Array.from({ length: 40 }, (_none, n) => `f${n}`);
  const answers = await Promise.all(fields.map((field) => patch(client, `/v1/data/leads/${id}`, { [field]: field })));
  expect(new Set(answers.map((answer) => documentOf(answer).version)).size).toBe(40);
  const { version, document } = documentOf(await client.get(`/v1/data/leads/${id}`));
  expect([version, document]).toEqual([41, Object.fromEntries(fields.map((field) => [field, field]))]);
});

it('gives the same answer to the same request under an idempotency key, ETag included, and stores it once', async () => {
  const { client } = await newAgent();
  const headers = { 'idempotency-key': randomUUID() };
  const [first, ...others] = await Promise.all(
    Array.from({ length: 8 }, () => client.post('/v1/data/once', { document: { n: 1 } }, headers)),
  );
  const all = [first, ...others].filter((answer) => answer?.status !== 409);
  const again = await client.post('/v1/data/once', { document: { n: 1 } }, headers);
  expect(again.headers.get('etag')).toBe('"1"');
  for (const answer of all) expect(answer?.body).toEqual(again.body);
  expect(list(await client.get('/v1/data/once'))).toHaveLength(1);
  const { id } = documentOf(again);
  const change = { 'idempotency-key': randomUUID(), 'if-match': '"1"' };
  const changed = await patch(client, `/v1/data/once/${id}`, { n: 2 }, change);
  const repeated = await patch(client, `/v1/data/once/${id}`, { n: 2 }, change);
  expect([repeated.status, repeated.headers.get('etag'), repeated.body]).toEqual([200, '"2"', changed.body]);
});

it('emits each change once, and nothing of a change that was refused', async () => {
  const { id: agentId, client } = await newAgent();
  const collection = documentOf(
    await client.post('/v1/data/collections', {
      document: { name: 'strict', schema: { type: 'object', properties: { n: { type: 'integer' } } } },
    }),
  );
  const { id } = documentOf(await client.post('/v1/data/strict', { document: { n: 1 } }));
  await patch(client, `/v1/data/strict/${id}`, { n: 'two' });
  await patch(client, `/v1/data/strict/${id}`, { n: 2 }, { 'if-match': '"9"' });
  await patch(client, `/v1/data/strict/${id}`, { n: 2 });
  await client.send('DELETE', `/v1/data/strict/${id}`);
  const events = await until('the last event', async () => {
    const found = (await client.get('/v1/events?type=data.*&order=asc')).body.data as unknown as CloudEvent[];
    return found.some(({ type }) => type === 'data.deleted') && found;
  });
  expect(events.map(({ type, subject, data, agentid }) => [type, subject, data, agentid])).toEqual([
    ['data.created', collection.id, { collection: 'collections', id: collection.id, version: 1 }, agentId],
    ['data.created', id, { collection: 'strict', id, version: 1 }, agentId],
    ['data.updated', id, { collection: 'strict', id, version: 2 }, agentId],
    ['data.deleted', id, { collection: 'strict', id }, agentId],
  ]);
  // The event and the audit row are of the transaction of the change: both or none.
  const rows = await platform.database.query<{ action: string }>(
    `SELECT action FROM auth.audit_log WHERE agent_id = $1 AND decision = 'allowed' AND action LIKE 'data.%' ORDER BY seq`,
    [agentId],
  );
  expect(rows.map(({ action }) => action)).toEqual(['data.create', 'data.create', 'data.update', 'data.delete']);
});

describe('a collection', () => {
  it('checks documents against its schema, and names every path', async () => {
    const { client } = await newAgent();
    const schema = {
      type: 'object',
      required: ['name'],
      properties: { name: { type: 'string', minLength: 2 }, tags: { type: 'array', items: { type: 'string' } } },
      additionalProperties: false,
    };
    const { id } = documentOf(await client.post('/v1/data/collections', { document: { name: 'people', schema } }));
    const refused = await client.post('/v1/data/people', { document: { name: 'A', tags: ['x', 1, 2], more: 1 } });
    expect(problem(refused)).toEqual([422, 'data.document.invalid']);
    expect(refused.body.errors?.map(({ path }) => path).sort()).toEqual([
      'document.more',
      'document.name',
      'document.tags[1]',
      'document.tags[2]',
    ]);
    const stored = documentOf(await client.post('/v1/data/people', { document: { name: 'Ada' } }));
    expect(problem(await patch(client, `/v1/data/people/${stored.id}`, { name: null }))).toEqual([
      422,
      'data.document.invalid',
    ]);
    // A schema counts from now on, and can be taken back.
    await patch(client, `/v1/data/collections/${id}`, { schema: { required: ['mail'] } });
    expect(documentOf(await client.get(`/v1/data/people/${stored.id}`)).document).toEqual({ name: 'Ada' });
    expect((await patch(client, `/v1/data/people/${stored.id}`, { x: 1 })).status).toBe(422);
    await patch(client, `/v1/data/collections/${id}`, { schema: null });
    expect((await patch(client, `/v1/data/people/${stored.id}`, { x: 1 })).status).toBe(200);
  });

  it('refuses a definition with every failing path, and schemas that could hold up the service', async () => {
    const { client } = await newAgent();
    const create = (document: JsonObject) => client.post('/v1/data/collections', { document });
    const refused = await create({
      name: 'collections',
      schema: { type: 'nothing' },
      grants: [{ agentId: 'x' }, { agentId: randomUUID(), access: 'all', more: 1 }],
      maxDocuments: 0,
      maxDocumentBytes: 2_000_000,
      owner: 'me',
    });
    expect(problem(refused)).toEqual([422, 'data.collection.invalid']);
    expect(refused.body.errors?.map(({ path }) => path)).toEqual([
      'document.owner',
      'document.name',
      'document.schema',
      'document.maxDocuments',
      'document.maxDocumentBytes',
      'document.grants[0].agentId',
      'document.grants[1].more',
      'document.grants[1].access',
    ]);
    expect((await create({ name: randomUUID().replace(/^./, 'a') })).status).toBe(422);
    expect((await create({ name: 'a', grants: [{ agentId: randomUUID() }] })).body.errors).toMatchObject([
      { path: 'document.grants[0].agentId', message: 'is no agent' },
    ]);
    const doubling: JsonObject = Object.fromEntries(
      Array.from({ length: 40 }, (_none, n): [string, JsonObject] => [
        `d${n}`,
        n === 39 ? { type: 'object' } : { allOf: [{ $ref: `#/$defs/d${n + 1}` }, { $ref: `#/$defs/d${n + 1}` }] },
      ]),
    );
    const bombs: Record<string, JsonObject> = {
      pattern: { properties: { a: { type: 'string', pattern: '^(a+)+$' } } },
      remote: { $ref: 'https://example.com/schema.json' },
      doubling: { $defs: doubling, $ref: '#/$defs/d0' },
      endless: { $defs: { a: { allOf: [{ $ref: '#/$defs/a' }] } }, $ref: '#/$defs/a' },
      unique: { properties: { list: { uniqueItems: true } } },
    };
    for (const [name, schema] of Object.entries(bombs)) {
      const made = await create({ name, schema });
      if (made.status === 422) continue;
      const stored = await client.post(`/v1/data/${name}`, {
        document: { a: `${'a'.repeat(50_000)}!`, list: Array.from({ length: 20_000 }, (_none, n) => ({ n })) },
      });
      expect([name, stored.status, stored.body.code]).toEqual([name, 422, 'data.document.invalid']);
    }
  });

  it('has soft limits', async () => {
    const { client } = await newAgent();
    const limits = { maxDocuments: 3, maxDocumentBytes: 40 };
    const { id } = documentOf(await client.post('/v1/data/collections', { document: { name: 'small', ...limits } }));
    const large = await client.post('/v1/data/small', { document: { text: 'x'.repeat(40) } });
    expect(problem(large)).toEqual([422, 'data.document.invalid']);
    const made = documentOf(await client.post('/v1/data/small', { document: { n: 1 } }));
    expect((await patch(client, `/v1/data/small/${made.id}`, { text: 'x'.repeat(40) })).status).toBe(422);
    for (const n of [2, 3]) expect((await client.post('/v1/data/small', { document: { n } })).status).toBe(201);
    expect(problem(await client.post('/v1/data/small', { document: { n: 4 } }))).toEqual([409, 'data.collection.full']);
    await client.send('DELETE', `/v1/data/small/${made.id}`);
    expect((await client.post('/v1/data/small', { document: { n: 4 } })).status).toBe(201);
    await patch(client, `/v1/data/collections/${id}`, { maxDocuments: null });
    expect((await client.post('/v1/data/small', { document: { n: 5 } })).status).toBe(201);
  });

  it('has a name of its own, may be renamed, and is gone at once when it is deleted', async () => {
    const { client } = await newAgent();
    const { id, version } = documentOf(await client.post('/v1/data/collections', { document: { name: 'old' } }));
    expect(version).toBe(1);
    expect(problem(await client.post('/v1/data/collections', { document: { name: 'old' } }))).toEqual([
      409,
      'data.collection.name.taken',
    ]);
    for (let n = 0; n < 30; n++) await client.post('/v1/data/old', { document: { n } });
    const renamed = await patch(client, `/v1/data/collections/${id}`, { name: 'new' }, { 'if-match': '"1"' });
    expect([renamed.status, renamed.headers.get('etag')]).toEqual([200, '"2"']);
    expect(list(await client.get('/v1/data/new'))[0]).toMatchObject({ collection: 'new' });
    expect(list(await client.get(`/v1/data/${id}`))).toHaveLength(30);
    expect((await client.get('/v1/data/old')).status).toBe(404);
    expect(
      problem(await client.send('DELETE', `/v1/data/collections/${id}`, undefined, { 'if-match': '"1"' }))[0],
    ).toBe(412);
    expect((await client.send('DELETE', `/v1/data/collections/${id}`)).status).toBe(204);
    for (const reference of ['new', id]) {
      expect(problem(await client.get(`/v1/data/${reference}`))).toEqual([404, 'data.collection.not-found']);
      expect((await client.post(`/v1/data/${reference}/query`, {})).status).toBe(404);
    }
    expect((await client.post('/v1/data/new', { document: { fresh: true } })).status).toBe(201);
    expect(list(await client.get('/v1/data/new'))).toHaveLength(1);
    await until('the documents to be removed', async () => {
      const rows = await platform.database.query('SELECT FROM data.documents WHERE collection_id = $1', [id]);
      return rows.length === 0;
    });
    await until('the collection to be removed', async () => {
      const rows = await platform.database.query('SELECT FROM data.collections WHERE id = $1', [id]);
      return rows.length === 0;
    });
  });
});

describe('sharing', () => {
  it('lets another agent read, or write as well, and nothing else; and ends at once', async () => {
    const [owner, friend, stranger] = await Promise.all([newAgent(), newAgent(), newAgent()]);
    const definition = { name: 'shared', grants: [{ agentId: friend.id }] };
    const { id } = documentOf(await owner.client.post('/v1/data/collections', { document: definition }));
    const stored = documentOf(await owner.client.post('/v1/data/shared', { document: { n: 1 } }));
    const path = `/v1/data/shared/${stored.id}`;
    // Read.
    expect(documentOf(await friend.client.get(path)).document).toEqual({ n: 1 });
    expect(list(await friend.client.get('/v1/data/shared'))).toHaveLength(1);
    expect(list(await friend.client.post('/v1/data/shared/query', {}))).toHaveLength(1);
    for (const refused of [
      await friend.client.post('/v1/data/shared', { document: {} }),
      await patch(friend.client, path, { n: 2 }),
      await friend.client.send('DELETE', path),
    ])
      expect(problem(refused)).toEqual([403, 'data.collection.read-only']);
    // Its definition is seen without the other grants, and is the owner's to change.
    const seen = documentOf(await friend.client.get(`/v1/data/collections/${id}`));
    expect(seen.document).toMatchObject({ name: 'shared', grants: null });
    expect((await patch(friend.client, `/v1/data/collections/${id}`, { grants: [] })).status).toBe(404);
    expect((await friend.client.send('DELETE', `/v1/data/collections/${id}`)).status).toBe(404);
    // A stranger sees nothing of it.
    for (const answer of [
      await stranger.client.get(path),
      await stranger.client.get(`/v1/data/${id}/${stored.id}`),
      await stranger.client.get(`/v1/data/collections/${id}`),
      await patch(stranger.client, `/v1/data/${id}/${stored.id}`, { n: 9 }),
      await stranger.client.send('DELETE', `/v1/data/${id}/${stored.id}`),
      await stranger.client.post(`/v1/data/${id}`, { document: {} }),
      await stranger.client.post(`/v1/data/${id}/query`, {}),
    ])
      expect(answer.status).toBe(404);
    // Write.
    await patch(owner.client, `/v1/data/collections/${id}`, { grants: [{ agentId: friend.id, access: 'write' }] });
    expect((await patch(friend.client, path, { n: 2 })).status).toBe(200);
    const theirs = documentOf(await friend.client.post(`/v1/data/${id}`, { document: { n: 3 } }));
    expect(theirs.agentId).toBe(owner.id);
    const own = await owner.client.post('/v1/data/shared/query', { filter: { $createdBy: friend.id } });
    expect(list(own).map((row) => row.id)).toEqual([theirs.id]);
    expect((await friend.client.send('DELETE', `/v1/data/shared/${theirs.id}`)).status).toBe(204);
    // No more.
    await patch(owner.client, `/v1/data/collections/${id}`, { grants: null });
    expect((await friend.client.get(path)).status).toBe(404);
    expect((await friend.client.post(`/v1/data/${id}/query`, {})).status).toBe(404);
  });

  it('answers no change as made whose grant was taken back while it waited', async () => {
    const [owner, friend] = await Promise.all([newAgent(), newAgent()]);
    const grants = [{ agentId: friend.id, access: 'write' }];
    const { id } = documentOf(await owner.client.post('/v1/data/collections', { document: { name: 'held', grants } }));
    const stored = documentOf(await owner.client.post('/v1/data/held', { document: { n: 1 } }));
    const holder = new Client({ connectionString: platform.database.url });
    await holder.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT FROM data.documents WHERE id = $1 FOR UPDATE', [stored.id]);
    const change = patch(friend.client, `/v1/data/held/${stored.id}`, { n: 2 });
    await until('the change to wait', async () => {
      const waiting = await platform.database.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%data.documents%FOR UPDATE%'`,
      );
      return waiting.length > 0;
    });
    await patch(owner.client, `/v1/data/collections/${id}`, { grants: null });
    await holder.query('COMMIT');
    await holder.end();
    expect(problem(await change)).toEqual([404, 'data.document.not-found']);
    expect(documentOf(await owner.client.get(`/v1/data/held/${stored.id}`))).toMatchObject({
      version: 1,
      document: { n: 1 },
    });
  });

  it('takes an own collection before a shared one of the same name, and asks which of several is meant', async () => {
    const [one, two, reader] = await Promise.all([newAgent(), newAgent(), newAgent()]);
    for (const { client } of [one, two]) {
      const grants = [{ agentId: reader.id, access: 'write' }];
      await client.post('/v1/data/collections', { document: { name: 'both', grants } });
      await client.post('/v1/data/both', { document: { of: 'others' } });
    }
    for (const answer of [
      await reader.client.get('/v1/data/both'),
      await reader.client.post('/v1/data/both/query', {}),
      await reader.client.get(`/v1/data/both/${randomUUID()}`),
      await reader.client.post('/v1/data/both', { document: {} }),
    ])
      expect(problem(answer)).toEqual([409, 'data.collection.ambiguous']);
    const { id } = documentOf(await reader.client.post('/v1/data/collections', { document: { name: 'both' } }));
    await reader.client.post('/v1/data/both', { document: { of: 'mine' } });
    expect(list(await reader.client.get('/v1/data/both')).map(({ document }) => document)).toEqual([{ of: 'mine' }]);
    expect(list(await reader.client.post('/v1/data/both/query', {})).map(({ document }) => document)).toEqual([
      { of: 'mine' },
    ]);
    await reader.client.send('DELETE', `/v1/data/collections/${id}`);
    expect(problem(await reader.client.post('/v1/data/both/query', {}))).toEqual([409, 'data.collection.ambiguous']);
  });
});

it('serves the steps of workflows', async () => {
  const definition = {
    name: 'store-leads',
    steps: [
      { id: 'one', type: 'data', with: { action: 'create', collection: 'wf', document: { name: 'Ada', points: 3 } } },
      { id: 'two', type: 'data', with: { action: 'create', collection: 'wf', document: { name: 'Bob', points: 8 } } },
      {
        id: 'change',
        type: 'data',
        with: {
          action: 'update',
          collection: 'wf',
          id: '${{ steps.one.output.id }}',
          document: { points: 9 },
          ifVersion: 1,
        },
      },
      {
        id: 'best',
        type: 'data',
        with: { action: 'query', collection: 'wf', filter: { points: { gt: 8 } }, select: ['name'] },
      },
      { id: 'drop', type: 'data', with: { action: 'delete', collection: 'wf', id: '${{ steps.two.output.id }}' } },
      { id: 'rest', type: 'data', with: { action: 'list', collection: 'wf' } },
    ],
    output: { best: '${{ steps.best.output }}', left: '${{ steps.rest.output.size() }}' },
  };
  const workflow = documentOf(await admin.post('/v1/workflows', { definition }));
  const run = await admin.post(`/v1/workflows/${workflow.id}/runs?wait=20`, {});
  expect(run.body.data).toMatchObject({ status: 'completed', output: { best: [{ name: 'Ada' }], left: 1 } });
});
