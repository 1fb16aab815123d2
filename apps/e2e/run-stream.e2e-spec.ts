import type { Run, RunStep, Workflow } from '@agent-platform/contracts';
import {
  createTestAgent,
  openSse,
  startPeer,
  startTestPlatform,
  TestClient,
  until,
  type Peer,
  type SseClient,
  type TestPlatform,
} from '@agent-platform/testing';

let platform: TestPlatform;
let peer: Peer;
let release = () => {};
let key: string;
let agent: TestClient;
let workflowId: string;
const open: SseClient[] = [];

beforeAll(async () => {
  let gate = Promise.resolve();
  peer = await startPeer((request, response) => {
    if (request.path === '/gated') gate = new Promise((resolve) => (release = resolve));
    void gate.then(() => response.end('{}'));
  });
  platform = await startTestPlatform('separate processes');
  const admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  ({ key } = await createTestAgent(admin, { skills: ['workflow_manage', 'workflow_execute', 'workflow_read'] }));
  agent = new TestClient(platform.gateway, key);
  const steps = [
    { id: 'first', type: 'transform', with: { value: 1 } },
    { id: 'call', type: 'http', with: { url: `${peer.url}/gated` } },
    { id: 'hold', type: 'wait', with: { signal: { name: 'go' } } },
    { id: 'last', type: 'transform', with: { value: 2 } },
  ];
  const created = await agent.post('/v1/workflows', { definition: { name: 'followed', steps } });
  workflowId = (created.body.data as unknown as Workflow).id;
});
afterEach(() => open.splice(0).forEach((client) => client.close()));
afterAll(async () => {
  release();
  await platform?.stop();
  await peer?.stop();
});

async function start(): Promise<string> {
  const calls = peer.requests.length;
  const { body } = await agent.post(`/v1/workflows/${workflowId}/runs`, {});
  await until('the call', () => peer.requests.length > calls);
  return (body.data as unknown as Run).id;
}
async function follow(run: string, lastEventId?: string, by = key): Promise<SseClient> {
  const client = await openSse(`${platform.gateway}/v1/runs/${run}/stream`, by, { lastEventId });
  open.push(client);
  return client;
}
/** The newest that a stream has told of a step. */
const statusOf = ({ messages }: SseClient, id: string) =>
  messages
    .filter(({ event }) => event === 'step')
    .map(({ data }) => JSON.parse(data) as RunStep)
    .filter((step) => step.id === id)
    .at(-1)?.status;
const steps = ({ messages }: SseClient) =>
  messages.filter(({ event }) => event === 'step').map(({ data }) => (JSON.parse(data) as RunStep).id);

it('shows a run as it is, each step as it changes, and the end; a client that comes back gets what it has missed', async () => {
  const id = await start();
  const client = await follow(id);
  expect(client.status).toBe(200);
  await until('the whole state', () => client.lastEventId !== '');
  expect(client.messages[0]?.event).toBe('run');
  expect(new Set(steps(client))).toEqual(new Set(['first', 'call', 'hold', 'last']));
  release();
  await until('the wait', () => statusOf(client, 'hold') === 'waiting');
  expect(statusOf(client, 'call')).toBe('completed');
  client.close();
  expect((await agent.post(`/v1/runs/${id}/signals/go`, {})).status).toBeLessThan(300);
  const again = await follow(id, client.lastEventId);
  await until('the end', () => again.endedAt);
  expect(new Set(steps(again))).toEqual(new Set(['hold', 'last']));
  expect([statusOf(again, 'hold'), statusOf(again, 'last')]).toEqual(['completed', 'completed']);
  expect(again.messages.at(-1)).toMatchObject({ event: 'end', data: JSON.stringify({ id, status: 'completed' }) });
  const late = await follow(id);
  await until('the end', () => late.endedAt);
  expect(late.messages.map(({ event }) => event)).toEqual(['run', 'step', 'step', 'step', 'step', 'end']);
  const over = await follow(id, late.lastEventId);
  await until('the end', () => over.endedAt);
  expect(over.messages.at(-1)?.event).toBe('end');
  expect(steps(over)).toEqual([]);
});

it('goes on when the executor is killed', async () => {
  const id = await start();
  const client = await follow(id);
  release();
  await until('the wait', () => statusOf(client, 'hold') === 'waiting');
  await platform.separate?.processes.get('workflow-executor')?.kill();
  await platform.separate?.startService('workflow-executor');
  expect((await agent.post(`/v1/runs/${id}/signals/go`, {})).status).toBeLessThan(300);
  await until('the end', () => client.messages.at(-1)?.event === 'end', 30_000);
  expect(statusOf(client, 'last')).toBe('completed');
});

it('refuses an id that is none of its messages, before it begins', async () => {
  const id = await start();
  release();
  const client = await follow(id, 'nonsense');
  await until('the answer', () => client.endedAt);
  expect([client.status, client.problem().code]).toEqual([422, 'request.invalid']);
});

it('shows no run of another agent', async () => {
  const id = await start();
  release();
  const admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  const other = await createTestAgent(admin, { skills: ['workflow_read'] });
  const client = await follow(id, undefined, other.key);
  await until('the answer', () => client.endedAt);
  expect([client.status, client.problem().code]).toEqual([404, 'run.not-found']);
  expect((await follow(id, undefined, platform.keys.OpenClaw)).status).toBe(200);
});
