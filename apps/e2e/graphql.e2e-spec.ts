import {
  createTestAgent,
  graphql,
  signatureHeaders,
  startTestPlatform,
  TestClient,
  until,
  type GraphQLAnswer,
  type TestPlatform,
} from '@agent-platform/testing';
import { serverAudits } from 'graphql-http';
import { createHash, randomUUID } from 'node:crypto';

let platform: TestPlatform;
let admin: TestClient;
let adminKey: string;

beforeAll(async () => {
  platform = await startTestPlatform('one process');
  adminKey = platform.keys.OpenClaw ?? '';
  admin = new TestClient(platform.gateway, adminKey);
});
afterAll(() => platform?.stop());

const ask = (query: string, variables: object = {}, headers: Record<string, string> = {}, key = adminKey) =>
  graphql(platform.gateway, key, query, variables, headers);
const codes = ({ body }: GraphQLAnswer) => body.errors?.map(({ extensions }) => extensions?.code);

const DEFINITION = { steps: [{ id: 'one', type: 'transform', with: { value: { n: '${{ input.n }}' } } }] };

async function createWorkflow(): Promise<string> {
  const { body } = await ask('mutation ($d: JSON!) { workflowCreate(definition: $d) { id } }', {
    d: { ...DEFINITION, name: `w-${randomUUID()}` },
  });
  return (body.data as unknown as { workflowCreate: { id: string } }).workflowCreate.id;
}

describe('the audit of GraphQL over HTTP', () => {
  const fetchFn = (url: string, init: RequestInit = {}) =>
    fetch(url, {
      ...init,
      headers: { ...(init.headers as Record<string, string>), authorization: `Bearer ${adminKey}` },
    });
  // The address is known once the platform runs; the audits are the same for any.
  const names = serverAudits({ url: 'http://127.0.0.1', fetchFn }).map(({ id, name }) => [id, name] as const);

  beforeAll(async () => {
    // Some sixty requests within a few seconds.
    const { body } = await admin.get('/v1/me');
    await admin.send('PATCH', `/v1/agents/${(body.data as unknown as { id: string }).id}`, '{"rateLimitRpm":100000}');
  });

  it.each(names)('%s %s', async (id) => {
    const audit = serverAudits({ url: `${platform.gateway}/graphql`, fetchFn }).find((each) => each.id === id);
    const result = await audit?.fn();
    expect(result).toMatchObject({ status: 'ok' });
  });
});

describe('a document', () => {
  it('reads what it asks for, level by level, in one request for each service and level', async () => {
    const reader = await createTestAgent(admin, {
      skills: ['workflow_manage', 'workflow_execute', 'workflow_read', 'agent_manage'],
      rateLimitRpm: 10_000,
    });
    const own = new TestClient(platform.gateway, reader.key);
    const remaining = async () => Number(/r=(\d+)/.exec((await own.get('/v1/me')).headers.get('ratelimit') ?? '')?.[1]);
    for (const name of ['first', 'second', 'third']) {
      const { body } = await own.post('/v1/workflows', { definition: { ...DEFINITION, name } });
      const { id } = body.data as unknown as { id: string };
      for (const n of [1, 2, 3, 4]) await own.post(`/v1/workflows/${id}/runs?wait=30`, { input: { n } });
    }
    const before = await remaining();
    const { status, body } = await ask(
      `{ workflowList(first: 10) { nodes { name definition agent { name keys { prefix } }
          runs(first: 3) { nodes { status steps { id output } workflow { name version } agent { name } } pageInfo { hasNextPage } } } } }`,
      {},
      {},
      reader.key,
    );
    const permits = before - (await remaining());
    expect([status, body.errors]).toEqual([200, undefined]);
    const runs = [3, 2, 1, 0].slice(0, 3).map((n) => ({
      status: 'completed',
      steps: [{ id: 'one', output: { n: n + 1 } }],
      agent: { name: reader.name },
    }));
    const expected = ['third', 'second', 'first'].map((name) => ({
      name,
      definition: { ...DEFINITION, name },
      agent: { name: reader.name, keys: [{ prefix: expect.any(String) as unknown }] },
      runs: {
        nodes: runs.map((run) => ({ ...run, workflow: { name, version: 1 } })),
        pageInfo: { hasNextPage: true },
      },
    }));
    expect((body.data as unknown as { workflowList: { nodes: unknown } }).workflowList.nodes).toEqual(expected);
    // The list; executor (definitions, runs) and auth (agents) for the workflows; executor (steps) for the runs, as what was read of the
    // others is not read again; and the question for what remains.
    expect(permits).toBe(1 + 2 + 1 + 1);
  });

  it('pages through a list by its cursors, and says what REST says', async () => {
    for (let n = 0; n < 5; n++) await createWorkflow();
    const names: string[] = [];
    let after: string | null = null;
    do {
      const { body } = await ask(
        'query ($after: String) { workflowList(first: 2, after: $after) { edges { node { id } cursor } pageInfo { hasNextPage endCursor } } }',
        { after },
      );
      const { workflowList: page } = body.data as unknown as {
        workflowList: {
          edges: { node: { id: string }; cursor: string | null }[];
          pageInfo: { hasNextPage: boolean; endCursor: string | null };
        };
      };
      names.push(...page.edges.map(({ node }) => node.id));
      expect(page.edges.at(-1)?.cursor).toBe(page.pageInfo.endCursor);
      expect(page.pageInfo.hasNextPage).toBe(page.pageInfo.endCursor !== null);
      after = page.pageInfo.endCursor;
    } while (after !== null);
    const { body } = await admin.get('/v1/workflows?limit=200');
    expect(names).toEqual((body.data as unknown as { id: string }[]).map(({ id }) => id));
  });

  it('is answered field by field: what is refused is null, with the problem that REST answers', async () => {
    const { key } = await createTestAgent(admin, { skills: ['workflow_read'] });
    const absent = '01938f9e-7c1e-7000-8000-000000000001';
    const asked = await ask(
      `{ meGet { name } agentList { nodes { id } } runGet(id: "${absent}") { id } workflowGet(id: "no uuid") { id } }`,
      {},
      { 'x-request-id': 'graphql-refusals' },
      key,
    );
    expect(asked.status).toBe(200);
    expect(asked.body.data).toMatchObject({ agentList: null, runGet: null, workflowGet: null });
    const byPath = new Map(asked.body.errors?.map(({ path, extensions }) => [path?.join('.'), extensions]));
    expect(byPath.get('agentList')).toMatchObject({
      code: 'auth.capability.missing',
      status: 403,
      missingCapability: 'agent_manage',
      requestId: 'graphql-refusals',
    });
    expect(byPath.get('runGet')).toMatchObject({ code: 'run.not-found', status: 404 });
    expect(byPath.get('workflowGet')).toMatchObject({
      code: 'request.invalid',
      status: 422,
      errors: [{ path: 'id', message: 'id must be a UUID' }],
    });
    // Each has its audit row, as over REST.
    await until('the audit rows', async () => {
      const rows = await platform.database.query<{ action: string; decision: string }>(
        "SELECT action, decision FROM auth.audit_log WHERE request_id = 'graphql-refusals' ORDER BY action",
      );
      return (
        rows.map(({ action, decision }) => `${action} ${decision}`).join() ===
        'agent.list refused,me.get allowed,run.get failed,workflow.get failed'
      );
    });
  });

  it('leads to what the agent may not see no more than REST does', async () => {
    const { key } = await createTestAgent(admin, { skills: ['workflow_read', 'workflow_manage'] });
    await new TestClient(platform.gateway, key).post('/v1/workflows', { definition: { ...DEFINITION, name: 'mine' } });
    const asked = await ask('{ workflowList { nodes { name agent { name } } } }', {}, {}, key);
    expect(asked.body.data).toEqual({ workflowList: { nodes: [{ name: 'mine', agent: null }] } });
    expect(codes(asked)).toEqual(['auth.capability.missing']);
  });

  it('pays for each field within the rate limit of its agent', async () => {
    const { key } = await createTestAgent(admin, { skills: [], rateLimitRpm: 3 });
    const aliases = ['a', 'b', 'c', 'd', 'e'].map((alias) => `${alias}: meGet { name }`).join(' ');
    const asked = await ask(`{ ${aliases} }`, {}, {}, key);
    expect(codes(asked)).toEqual(['auth.rate-limit.exceeded', 'auth.rate-limit.exceeded']);
    expect(Object.values(asked.body.data ?? {}).filter((each) => each !== null)).toHaveLength(3);
    const next = await ask('{ meGet { name } }', {}, {}, key);
    expect([next.status, next.body.code]).toEqual([429, 'auth.rate-limit.exceeded']);
    expect(Number(next.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('says what is left after all that it has paid for', async () => {
    const { key } = await createTestAgent(admin, { skills: [], rateLimitRpm: 9 });
    const asked = await ask('{ a: meGet { name } b: meGet { name } c: meGet { name } }', {}, {}, key);
    expect(asked.headers.get('ratelimit')).toMatch(/^"agent";r=6;/);
  });

  it('pays for what is refused too', async () => {
    const { key } = await createTestAgent(admin, { skills: [], rateLimitRpm: 3 });
    const aliases = ['a', 'b', 'c', 'd', 'e'].map((alias) => `${alias}: agentList { nodes { id } }`).join(' ');
    const refused = [
      ...Array<string>(3).fill('auth.capability.missing'),
      ...Array<string>(2).fill('auth.rate-limit.exceeded'),
    ];
    expect(codes(await ask(`{ ${aliases} }`, {}, {}, key))?.sort()).toEqual(refused);
  });

  it('makes one change under its idempotency key, and one of each of several', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const emit = 'mutation { eventEmit(type: "graphql.once", data: {}) { id } }';
    const [first, second] = [await ask(emit, {}, headers), await ask(emit, {}, headers)];
    expect(second.body).toEqual(first.body);
    const both =
      'mutation { one: eventEmit(type: "graphql.both", data: {}) { id } two: eventEmit(type: "graphql.both", data: {}) { id } }';
    const several = { 'idempotency-key': randomUUID() };
    const [once, again] = [await ask(both, {}, several), await ask(both, {}, several)];
    expect(again.body).toEqual(once.body);
    const data = once.body.data as unknown as Record<string, { id: string }>;
    expect(data.one?.id).not.toBe(data.two?.id);
    const reused = await ask('mutation { eventEmit(type: "graphql.other", data: {}) { id } }', {}, headers);
    expect(codes(reused)).toEqual(['request.idempotency-key.reused']);
  });

  it('must be signed where it changes something and its agent signs', async () => {
    const { id, key } = await createTestAgent(admin, { skills: ['event_publish'] });
    const { body } = await admin.post(`/v1/agents/${id}/signing-secret`, {});
    const { secret } = body.data as unknown as { secret: string };
    const emit = 'mutation { eventEmit(type: "graphql.signed", data: {}) { id } }';
    const send = async (query: string, by?: string) => {
      const text = JSON.stringify({ query, variables: {} });
      const signed = by === undefined ? {} : signatureHeaders(by, 'POST', '/graphql', text);
      const { status, body: answered } = await ask(query, {}, signed, key);
      return `${status} ${answered.code ?? answered.errors?.[0]?.extensions?.code ?? 'ok'}`;
    };
    expect(await send(emit)).toBe('401 auth.signature.missing');
    expect(await send(emit, 'another secret')).toBe('401 auth.signature.invalid');
    expect(await send(emit, secret)).toBe('200 ok');
    expect(await send('{ meGet { name } }')).toBe('200 ok');
  });

  it('shows what has changed since, to each mutation after another', async () => {
    const id = await createWorkflow();
    const { body } = await ask(
      `mutation { one: workflowExecute(id: "${id}", input: {n: 1}, wait: 30) { workflow { runs { nodes { id } } } }
                  two: workflowExecute(id: "${id}", input: {n: 2}, wait: 30) { workflow { runs { nodes { id } } } }
                  dry: workflowExecuteDryRun(id: "${id}", input: {n: 3}) { valid steps { verdict } }
                  gone: workflowDelete(id: "${id}") { ok } }`,
    );
    expect(body.errors).toBeUndefined();
    const data = body.data as unknown as Record<string, { workflow: { runs: { nodes: unknown[] } } }>;
    expect(data.one?.workflow.runs.nodes).toHaveLength(1);
    expect(data.two?.workflow.runs.nodes).toHaveLength(2);
    expect(data).toMatchObject({ dry: { valid: true, steps: [{ verdict: 'would-run' }] }, gone: { ok: true } });
  });

  it('is refused as any request is: without a key, with one that was revoked', async () => {
    expect([(await ask('{ meGet { name } }', {}, {}, 'nothing')).body.code]).toEqual(['auth.credentials.invalid']);
    const { id, key } = await createTestAgent(admin);
    const { body } = await admin.get(`/v1/agents/${id}`);
    const [{ id: keyId } = { id: '' }] = (body.data as unknown as { keys: { id: string }[] }).keys;
    await admin.send('DELETE', `/v1/agents/${id}/keys/${keyId}`);
    await until('the refusal', async () => (await ask('{ meGet { name } }', {}, {}, key)).status === 401);
  });

  it('answers introspection, as tools ask it', async () => {
    const { getIntrospectionQuery } = await import('graphql');
    const { body } = await ask(getIntrospectionQuery());
    expect(body.errors).toBeUndefined();
  });

  it('is sent once and then named by its hash', async () => {
    const query = '{ meGet { name } }';
    const persistedQuery = { version: 1, sha256Hash: createHash('sha256').update(query).digest('hex') };
    const send = async (body: object) => {
      const response = await fetch(`${platform.gateway}/graphql`, {
        method: 'POST',
        headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      return (await response.json()) as { data?: object; errors?: { message: string; extensions: { code: string } }[] };
    };
    const unknown = await send({ extensions: { persistedQuery } });
    expect(unknown.errors).toMatchObject([
      { message: 'PersistedQueryNotFound', extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } },
    ]);
    const forged = { ...persistedQuery, sha256Hash: 'a'.repeat(64) };
    expect((await send({ query, extensions: { persistedQuery: forged } })).errors).toHaveLength(1);
    expect((await send({ query, extensions: { persistedQuery } })).data).toEqual({ meGet: { name: 'OpenClaw' } });
    expect((await send({ extensions: { persistedQuery } })).data).toEqual({ meGet: { name: 'OpenClaw' } });
    const search = new URLSearchParams({ extensions: JSON.stringify({ persistedQuery }) }).toString();
    const got = await admin.get(`/graphql?${search}`);
    expect(got.body.data).toEqual({ meGet: { name: 'OpenClaw' } });
  });
});

describe('bombs are refused before anything of them is done', () => {
  const nested = (depth: number) =>
    `{ workflowList { nodes { runs { nodes ${'{ workflow { runs { nodes '.repeat(depth)} { id } ${'} } }'.repeat(depth)} } } } }`;
  const spreads = (count: number) =>
    Array.from(
      { length: count },
      (_each, index) => `fragment F${index} on Run { ...F${index + 1} ...F${index + 1} }`,
    ).join(' ');
  const BOMBS: Readonly<Record<string, string>> = {
    depth: nested(20),
    aliases: `{ ${Array.from({ length: 200 }, (_each, index) => `a${index}: meGet { name }`).join(' ')} }`,
    tokens: `{ meGet { ${'name '.repeat(3000)} } }`,
    'same fields': `{ meGet { ${'name '.repeat(900)} } }`,
    'a fragment cycle': '{ runList { nodes { ...A } } } fragment A on Run { ...B } fragment B on Run { ...A }',
    'a fragment cycle that is not used': '{ meGet { name } } fragment A on Run { ...A }',
    'spreads of spreads': `{ runList { nodes { ...F0 } } } ${spreads(30)} fragment F30 on Run { id }`,
    'spreads of nothing': `{ runList { nodes { ...F0 } } } ${spreads(40)}`,
    directives: `{ meGet { name ${'@include(if: true) '.repeat(100)} } }`,
    cost: '{ workflowList(first: 200) { nodes { runs(first: 200) { nodes { steps { id } } } } } }',
    bytes: `{ meGet { name } } #${'x'.repeat(70_000)}`,
  };

  it.each(Object.entries(BOMBS))('%s', async (_name, query) => {
    const asked = await ask(
      query,
      {},
      { accept: 'application/graphql-response+json', 'x-request-id': `bomb-${randomUUID()}` },
    );
    expect([asked.status, codes(asked), asked.body.data]).toEqual([400, ['graphql.document.too-complex'], undefined]);
  });

  it('nothing of them was done', async () => {
    await ask('{ meGet { name } }', {}, { 'x-request-id': 'after-the-bombs' });
    // Rows of reads are stored in their order.
    await until('a row that came later', async () => {
      const rows = await platform.database.query("SELECT FROM auth.audit_log WHERE request_id = 'after-the-bombs'");
      return rows.length === 1;
    });
    expect(await platform.database.query("SELECT FROM auth.audit_log WHERE request_id LIKE 'bomb-%'")).toEqual([]);
  });

  it('cost that is in a variable', async () => {
    const query =
      'query ($n: Int) { workflowList(first: $n) { nodes { runs(first: $n) { nodes { steps { id } } } } } }';
    expect(codes(await ask(query, { n: 2 }))).toBeUndefined();
    expect(codes(await ask(query, { n: 200 }))).toEqual(['graphql.document.too-complex']);
  });

  it('a batch of documents', async () => {
    const { status } = await admin.post(
      '/graphql',
      Array.from({ length: 500 }, () => ({ query: '{ meGet { name } }' })),
    );
    expect(status).toBe(400);
  });

  it('arguments that are nested too deep', async () => {
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    const text = `{"query":"mutation ($d: JSON!) { eventEmit(type: \\"a.b\\", data: $d) { id } }","variables":{"d":${deep}}}`;
    const { body } = await admin.send('POST', '/graphql', text);
    expect(body.errors?.[0]).toMatchObject({
      extensions: { code: expect.stringMatching(/^request\.(invalid|malformed)$/) as unknown },
    });
  });
});
