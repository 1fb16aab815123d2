import { API, paramsOf, resolve, type ActionDescription, type JsonSchema } from '@agent-platform/api-description';
import { AgentPlatformError, createClient } from '@agent-platform/client';
import { CAPABILITY_NAMES, type JsonObject } from '@agent-platform/contracts';
import {
  createTestAgent,
  graphql,
  startCliHost,
  startPeer,
  startTestPlatform,
  TestClient,
  type CliHost,
  type Peer,
  type TestPlatform,
} from '@agent-platform/testing';
import { buildSchema, type GraphQLField, type GraphQLSchema } from 'graphql';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CASES, type Maker } from './doors.cases';

// Each action through each door gives the same result, and the same refusals.

let platform: TestPlatform;
let peer: Peer;
let cli: CliHost;
let schema: GraphQLSchema;
let maker: Maker;
let key: string;
let lacking: string;

beforeAll(async () => {
  platform = await startTestPlatform('one process');
  peer = await startPeer((_request, response) =>
    response.setHeader('content-type', 'application/json').end('{"hello":1}'),
  );
  cli = startCliHost();
  schema = buildSchema(readFileSync(join(__dirname, '../../docs/schema.graphql'), 'utf8'));
  const admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  const [me, other, none] = await Promise.all([
    createTestAgent(admin, { skills: [...CAPABILITY_NAMES] }),
    createTestAgent(admin, { skills: ['agent_impersonate'] }),
    createTestAgent(admin, { skills: [] }),
  ]);
  key = me.key;
  lacking = none.key;
  let names = 0;
  maker = {
    own: new TestClient(platform.gateway, me.key),
    me,
    other: { id: other.id, client: new TestClient(platform.gateway, other.key) },
    peer,
    name: () => `matrix-${++names}`,
  };
  await maker.own.post('/v1/data/doors', { document: {} });
});
afterAll(async () => {
  cli?.stop();
  await peer?.stop();
  await platform?.stop();
});

/** What came of a call: the data (and page) of its answer, or the problem. */
type Outcome = { readonly data?: unknown; readonly page?: unknown } | { readonly problem: JsonObject };
type Door = (action: ActionDescription, params: JsonObject, as: string) => Promise<Outcome>;

const problemOf = ({ code, status, missingCapability, errors }: JsonObject): JsonObject => ({
  code: code ?? null,
  status: status ?? null,
  missingCapability: missingCapability ?? null,
  errors: errors ?? [],
});

const DOORS: Readonly<Record<string, Door>> = {
  envelope: async ({ name }, params, as) => {
    const { status, body } = await new TestClient(platform.gateway, as).action(name, params);
    return status >= 400 ? { problem: problemOf(body as unknown as JsonObject) } : { data: body.data, page: body.page };
  },
  REST: async (action, params, as) => {
    const given = paramsOf(action).filter(({ name }) => params[name] !== undefined);
    const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
    const of = (place: string) => given.filter((param) => param.in === place).map(({ name }) => name);
    const path = of('path').reduce(
      (whole, name) => whole.replace(`{${name}}`, encodeURIComponent(text(params[name]))),
      action.path,
    );
    const query = new URLSearchParams(
      of('query').map((name): [string, string] => [name, text(params[name])]),
    ).toString();
    const body = Object.fromEntries(of('body').map((name) => [name, params[name]]));
    const hasBody = action.method !== 'GET' && action.method !== 'DELETE';
    const client = new TestClient(platform.gateway, as);
    const answer = await client.send(
      action.method,
      query ? `${path}?${query}` : path,
      hasBody ? JSON.stringify(body) : undefined,
    );
    return answer.status >= 400
      ? { problem: problemOf(answer.body as unknown as JsonObject) }
      : { data: answer.body.data, page: answer.body.page };
  },
  GraphQL: async (action, params, as) => {
    const name = action.name.replace(/[._](\w)/g, (_whole, letter: string) => letter.toUpperCase());
    const root = action.effect === 'read' ? schema.getQueryType() : schema.getMutationType();
    const field = root?.getFields()[name] as GraphQLField<unknown, unknown>;
    const renamed = (param: string) => (!action.list ? param : ({ limit: 'first', cursor: 'after' }[param] ?? param));
    const given = Object.entries(params).map(([param, value]) => ({ arg: renamed(param), value }));
    const types = given.map(({ arg }) => `$${arg}: ${String(field.args.find((each) => each.name === arg)?.type)}`);
    const call = given.length === 0 ? name : `${name}(${given.map(({ arg }) => `${arg}: $${arg}`).join(', ')})`;
    const selected = action.reply === null ? '{ ok }' : selectionOf({ $ref: `#/$defs/${action.reply}` });
    const page = action.page === null ? [] : Object.keys(API.schemas[action.page]?.properties ?? {});
    const extras = page
      .filter((extra) => extra !== 'nextCursor')
      .map((extra) => {
        return `${extra} ${selectionOf(API.schemas[action.page ?? '']?.properties?.[extra] ?? {})}`;
      });
    const selection = action.list ? `{ nodes ${selected} pageInfo { endCursor } ${extras.join(' ')} }` : selected;
    const operation = action.effect === 'read' ? 'query' : 'mutation';
    const document = `${operation} ${types.length > 0 ? `(${types.join(', ')})` : ''} { ${call} ${selection} }`;
    const variables = Object.fromEntries(given.map(({ arg, value }) => [arg, value]));
    const { status, body } = await graphql(platform.gateway, as, document, variables);
    if (status >= 400) return { problem: problemOf(body as unknown as JsonObject) };
    const [error] = body.errors ?? [];
    if (error) return { problem: problemOf(error.extensions as JsonObject) };
    const value = (body.data as unknown as Record<string, unknown>)[name];
    if (action.reply === null) return { data: undefined };
    if (!action.list) return { data: value };
    const { nodes, pageInfo, ...others } = value as { nodes: unknown; pageInfo: { endCursor: string | null } };
    return { data: nodes, page: { nextCursor: pageInfo.endCursor, ...others } };
  },
  client: async (action, params, as) => {
    const client = createClient({ url: platform.gateway, key: as, maxRetries: 0 });
    const [domain = '', verb = ''] = action.name.split('.');
    const method = verb.replace(/_(\w)/g, (_whole, letter: string) => letter.toUpperCase());
    const methods = client as unknown as Record<string, Record<string, (params: JsonObject) => PromiseLike<unknown>>>;
    try {
      const value = await methods[domain]?.[method]?.(params);
      return action.list ? (value as Outcome) : { data: value };
    } catch (error) {
      if (!(error instanceof AgentPlatformError)) throw error;
      return { problem: problemOf({ ...error.details, code: error.code } as unknown as JsonObject) };
    }
  },
  'command line': async ({ name, reply, list }, params, as) => {
    const [noun = '', verb = ''] = name.split('.');
    const argv = [noun, verb.replaceAll('_', '-'), '--json', '--request', JSON.stringify(params)];
    const env = { AGENTCTL_URL: platform.gateway, AGENTCTL_KEY: as };
    const { code, stdout, stderr } = await cli.run(argv, env);
    if (code !== 0) return { problem: problemOf(JSON.parse(stderr) as JsonObject) };
    if (reply === null) return { data: undefined };
    const value = JSON.parse(stdout) as unknown;
    // What a page tells besides goes to people, on standard error.
    return list ? { data: value, page: undefined } : { data: value };
  },
};

/** All fields of a reply that are not JSON by themselves, and theirs. */
function selectionOf(described: JsonSchema): string {
  const one = described.anyOf?.find(({ type }) => type !== 'null') ?? described;
  const type = resolve(one);
  if (type.type === 'array') return selectionOf(type.items ?? {});
  if (!type.properties || type.additionalProperties !== undefined) return '';
  const fields = Object.entries(type.properties).map(([name, schema]) => {
    return `${/^\d/.test(name) ? `_${name}` : name} ${selectionOf(schema)}`;
  });
  return `{ ${fields.join(' ')} }`;
}

/** What differs from call to call without a meaning here. */
const VOLATILE = [
  'remaining',
  'uptimeSeconds',
  'queues',
  'outbox',
  'instance',
  'lastUsedAt',
  'latencyMs',
  'proof',
  'date',
  'idempotency-key',
  'lastUsed',
];
const FORMS: readonly (readonly [RegExp, string])[] = [
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<id>'],
  [/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>'],
  [/mj_agent_\w+/g, '<key>'],
  [/mj_secret_\w+|whsec_[\w+/=]+/g, '<secret>'],
  [/matrix-\d+/g, '<name>'],
];

/** The same for all doors: GraphQL shows null where a field may be missing. */
function normal(value: unknown): unknown {
  if (typeof value === 'string') return FORMS.reduce((text, [form, word]) => text.replace(form, word), value);
  if (Array.isArray(value)) return value.map(normal);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(
    ([name, each]) => each !== null && each !== undefined && !VOLATILE.includes(name),
  );
  const sorted = kept.sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(sorted.map(([name, each]) => [name.replace(/^_(?=\d)/, ''), normal(each)]));
}

/** Cursors are ids in other letters. */
function comparable(outcome: Outcome): unknown {
  if ('problem' in outcome) return normal(outcome);
  const page = outcome.page as { nextCursor?: string | null; resumeCursor?: string | null } | undefined;
  return normal({
    data: outcome.data,
    ...(page && { page: { ...page, nextCursor: page.nextCursor ? '<cursor>' : null } }),
  });
}

const ACTIONS = API.actions.map((action) => [action.name, action] as const);

describe.each(ACTIONS)('%s', (name, action) => {
  it('gives the same result through every door', async () => {
    const outcomes: Record<string, unknown> = {};
    for (const [door, call] of Object.entries(DOORS)) {
      const params = (await CASES[name]?.(maker)) ?? {};
      const outcome = comparable(await call(action, params, key));
      outcomes[door] = outcome;
    }
    const { envelope, ...others } = outcomes;
    expect(envelope).not.toHaveProperty('problem');
    for (const [door, outcome] of Object.entries(others)) {
      const { page, ...expected } = envelope as { page?: unknown };
      expect([door, outcome]).toEqual([
        door,
        door === 'command line' ? expected : { ...expected, ...(page !== undefined && { page }) },
      ]);
    }
  });

  it('is refused the same through every door', async () => {
    const capability = action.capability;
    for (const [door, call] of Object.entries(DOORS)) {
      const unknown = await call(action, action.example, 'mj_agent_none');
      expect([door, unknown]).toMatchObject([door, { problem: { code: 'auth.credentials.invalid', status: 401 } }]);
      if (capability === null) continue;
      const refused = await call(action, action.example, lacking);
      expect([door, refused]).toEqual([
        door,
        { problem: { code: 'auth.capability.missing', status: 403, missingCapability: capability, errors: [] } },
      ]);
    }
  });

  it('fails the same through every door', async () => {
    // Of what is named by an id there is none; of a list there are too many asked for.
    const inPath = paramsOf(action).filter((param) => param.in === 'path');
    const absent = Object.fromEntries(
      inPath.map(({ name: param }) => [
        param,
        param === 'collection' ? 'absent' : '01938f9e-7c1e-7000-8000-0000000000ff',
      ]),
    );
    const wrong = action.list ? { ...action.example, limit: 201 } : { ...action.example, ...absent };
    // Nothing can be absent where the params name nothing; and a collection that is not there is made.
    if (name === 'data.create') Object.assign(wrong, { collection: 'collections', document: { name: 'no name' } });
    else if (!action.list && inPath.length === 0) return;
    const outcomes: [string, Outcome][] = [];
    for (const [door, call] of Object.entries(DOORS)) outcomes.push([door, await call(action, wrong, key)]);
    const [[, first] = ['', {}]] = outcomes;
    expect(first).toHaveProperty('problem');
    for (const [door, outcome] of outcomes) expect([door, normal(outcome)]).toEqual([door, normal(first)]);
  });
});

it('has a case for each action', () => {
  expect(Object.keys(CASES).sort()).toEqual(API.actions.map(({ name }) => name).sort());
});
