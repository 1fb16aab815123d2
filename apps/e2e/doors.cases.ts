import type { JsonObject } from '@agent-platform/contracts';
import { until, type Peer, type TestClient } from '@agent-platform/testing';

/** What the cases of the matrix are made with: an agent that may do everything, and a second one. */
export interface Maker {
  readonly own: TestClient;
  readonly me: { readonly id: string };
  readonly other: { readonly id: string; readonly client: TestClient };
  readonly peer: Peer;
  /** A name that no other call has; results are compared without it. */
  name(): string;
}

type Prepare = (maker: Maker) => Promise<JsonObject> | JsonObject;

async function made({ own }: Maker, path: string, body: object): Promise<JsonObject & { readonly id: string }> {
  const answer = await own.post(path, body);
  if (answer.status >= 300) throw new Error(`${path}: ${JSON.stringify(answer.body)}`);
  return answer.body.data as unknown as JsonObject & { readonly id: string };
}

const PURE = [{ id: 'one', type: 'transform', with: { value: { n: '${{ input.n }}' } } }];
const WAITS = [{ id: 'go', type: 'wait', with: { signal: { name: 'go' } } }];
const FAILS = [{ id: 'bad', type: 'transform', with: { value: '${{ input.none.deeper }}' } }];

async function workflow(maker: Maker, steps: object[] = PURE): Promise<string> {
  return (await made(maker, '/v1/workflows', { definition: { name: maker.name(), steps } })).id;
}

async function run(maker: Maker, steps: object[], query = ''): Promise<string> {
  return (await made(maker, `/v1/workflows/${await workflow(maker, steps)}/runs${query}`, { input: { n: 1 } })).id;
}

async function waiting(maker: Maker): Promise<string> {
  const id = await run(maker, WAITS);
  await until('the wait', async () => {
    const { body } = await maker.own.get(`/v1/runs/${id}`);
    return (body.data as unknown as { status: string }).status === 'waiting';
  });
  return id;
}

async function integration(maker: Maker, isConnected = false): Promise<string> {
  const { id } = await made(maker, '/v1/integrations', {
    name: maker.name(),
    baseUrl: maker.peer.url,
    authMethod: 'api_key',
    auth: { header: 'authorization', prefix: 'Bearer ' },
  });
  if (isConnected) await made(maker, `/v1/integrations/${id}/connection`, { apiKey: 'a-key-of-the-matrix' });
  return id;
}

async function agent(maker: Maker): Promise<JsonObject & { readonly id: string }> {
  return made(maker, '/v1/agents', { name: maker.name(), type: 'tool', skills: ['data_read'] });
}

async function document(maker: Maker): Promise<string> {
  return (await made(maker, '/v1/data/doors', { document: { n: 1, text: 'é' } })).id;
}

/** A command that this agent has taken, and may answer. */
async function taken(maker: Maker): Promise<string> {
  await maker.other.client.post(`/v1/agents/${maker.me.id}/commands`, { command: 'add', payload: { a: 1 } });
  const { body } = await maker.own.get('/v1/me/commands?wait=10&limit=1');
  const [{ id } = { id: '' }] = body.data as unknown as { id: string }[];
  return id;
}

/** For each action, params with which it succeeds; made anew for each door where it changes what they name. */
export const CASES: Readonly<Record<string, Prepare>> = {
  'workflow.list': () => ({ limit: 2 }),
  'workflow.get': async (maker) => ({ id: await workflow(maker) }),
  'workflow.create': (maker) => ({ definition: { name: maker.name(), steps: PURE }, metadata: { team: 'a' } }),
  'workflow.update': async (maker) => ({ id: await workflow(maker), definition: { name: maker.name(), steps: WAITS } }),
  'workflow.delete': async (maker) => ({ id: await workflow(maker) }),
  'workflow.schedule': async (maker) => ({
    id: await workflow(maker),
    cron: '0 7 * * MON',
    timezone: 'Europe/Berlin',
    input: { n: 1 },
  }),
  'workflow.execute': async (maker) => ({ id: await workflow(maker, WAITS), input: { n: 1 }, metadata: { a: 1 } }),
  'run.list': async (maker) => ({ workflowId: await workflow(maker), status: 'failed', counts: true, limit: 5 }),
  'run.get': async (maker) => ({ id: await run(maker, PURE, '?wait=30') }),
  'run.cancel': async (maker) => ({ id: await waiting(maker), reason: 'enough' }),
  'run.retry': async (maker) => ({ id: await run(maker, FAILS, '?wait=30') }),
  'run.signal': async (maker) => ({ id: await waiting(maker), name: 'other', payload: { yes: true } }),
  'integration.list': () => ({ limit: 1 }),
  'integration.get': async (maker) => ({ id: await integration(maker) }),
  'integration.health': async (maker) => ({ id: await integration(maker) }),
  'integration.execute': async (maker) => ({ id: await integration(maker, true), path: '/hello', query: { a: '1' } }),
  'integration.create': (maker) => ({
    name: maker.name(),
    baseUrl: 'https://crm.example.com',
    authMethod: 'basic',
    allowedHosts: ['crm.example.com', '*.crm.example.com'],
  }),
  'integration.update': async (maker) => ({ id: await integration(maker), headers: { 'x-a': '1' } }),
  'integration.connect': async (maker) => ({ id: await integration(maker), apiKey: 'a-key-of-the-matrix' }),
  'integration.disconnect': async (maker) => ({ id: await integration(maker, true) }),
  'data.get': async (maker) => ({ collection: 'doors', id: await document(maker) }),
  'data.list': async (maker) => {
    await document(maker);
    return { collection: 'doors', limit: 1 };
  },
  'data.create': () => ({ collection: 'doors', document: { n: 2, list: [1, 'a', null] } }),
  'data.update': async (maker) => ({
    collection: 'doors',
    id: await document(maker),
    document: { n: 3, text: null },
    ifVersion: 1,
  }),
  'data.delete': async (maker) => ({ collection: 'doors', id: await document(maker), ifVersion: 1 }),
  'data.query': async (maker) => {
    await document(maker);
    return { collection: 'doors', filter: { n: { gt: 0 } }, select: ['n', 'text'], limit: 1 };
  },
  'agent.list': () => ({ search: 'Dashboard', limit: 1 }),
  'agent.get': async (maker) => ({ id: (await agent(maker)).id }),
  'agent.create': (maker) => ({
    name: maker.name(),
    type: 'tool',
    skills: ['data_read', 'data_query'],
    rateLimitRpm: 5,
  }),
  'agent.update': async (maker) => ({ id: (await agent(maker)).id, description: 'changed', metadata: { a: [1] } }),
  'agent.rotate_key': async (maker) => ({ id: (await agent(maker)).id, graceSeconds: 0 }),
  'agent.revoke_key': async (maker) => {
    const { id } = await agent(maker);
    const { body } = await maker.own.get(`/v1/agents/${id}`);
    const [key] = (body.data as unknown as { keys: { id: string }[] }).keys;
    return { id, keyId: key?.id ?? '' };
  },
  'agent.signing_secret': async (maker) => ({ id: (await agent(maker)).id }),
  'agent.set_skills': async (maker) => ({ id: (await agent(maker)).id, skills: ['data_query'] }),
  'agent.command': ({ other }) => ({ id: other.id, command: 'add', payload: { a: 1 }, timeoutSeconds: 60 }),
  'event.emit': () => ({ type: 'doors.emitted', subject: 's', data: { n: 1 } }),
  'event.redeliver': async (maker) => ({
    id: (
      await made(maker, '/v1/subscriptions', { types: ['none.*'], target: { type: 'webhook', url: maker.peer.url } })
    ).id,
  }),
  'event.list': () => ({ type: 'doors.none', limit: 3, order: 'asc' }),
  'event.subscribe': () => ({ types: ['none.*', 'never.*'], target: { type: 'pull' }, filter: 'data.n > 1' }),
  'event.unsubscribe': async (maker) => ({
    id: (await made(maker, '/v1/subscriptions', { types: ['none.*'], target: { type: 'pull' } })).id,
  }),
  'system.audit': () => ({ action: 'nothing.at_all', limit: 2 }),
  'system.status': () => ({}),
  'me.get': () => ({}),
  'me.commands': async (maker) => {
    await maker.own.post(`/v1/agents/${maker.other.id}/commands`, { command: 'shown', payload: {} });
    return { show: 'sent', limit: 1 };
  },
  'me.respond': async (maker) => ({ id: await taken(maker), status: 'completed', result: { sum: [1, 2] } }),
  'me.subscriptions': async (maker) => {
    await made(maker, '/v1/subscriptions', { types: ['none.*'], target: { type: 'pull' } });
    return { limit: 1 };
  },
};
