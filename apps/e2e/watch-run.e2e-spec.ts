import { INTERNAL_CALLS, type Agent, type Run, type WatchRunReply, type Workflow } from '@agent-platform/contracts';
import { startTestPlatform, TestClient, until, type TestPlatform, type TestProcess } from '@agent-platform/testing';
import { connect, type NatsConnection } from 'nats';

let platform: TestPlatform;
let agent: TestClient;
let bus: NatsConnection;
let first: TestProcess | undefined;

beforeAll(async () => {
  platform = await startTestPlatform('separate processes');
  // Two replicas: one of them does not have the run that it is asked for.
  first = platform.separate?.processes.get('workflow-executor');
  await platform.separate?.startService('workflow-executor');
  agent = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  const { username, password, host } = new URL(platform.separate?.natsUrl('gateway') ?? '');
  bus = await connect({ servers: host, user: username, pass: password, inboxPrefix: '_INBOX.gateway' });
});
afterAll(async () => {
  await bus?.close();
  await first?.stop();
  await platform?.stop();
});

it('shows a run from its beginning to its end, whichever replica answers', async () => {
  const { body: me } = await agent.get('/v1/me');
  const watcher = { id: (me.data as unknown as Agent).id, seesAll: false };
  const definition = {
    steps: [
      { id: 'one', type: 'transform', with: { value: 1 } },
      { id: 'signal', type: 'wait', with: { signal: { name: 'go' } } },
      { id: 'pause', type: 'wait', with: { duration: '300ms' } },
      { id: 'never', type: 'transform', if: '${{ false }}', with: { value: 1 } },
    ],
  };
  const created = await agent.post('/v1/workflows', { name: 'watched', definition });
  const { id: workflowId } = created.body.data as unknown as Workflow;
  const started = await agent.post(`/v1/workflows/${workflowId}/runs`, {});
  const { id: runId } = started.body.data as unknown as Run;

  const watch = async (after: string | null, waitMs: number) => {
    const request = { agent: watcher, runId, after, waitMs };
    const reply = await bus.request(INTERNAL_CALLS.watchRun.subject, JSON.stringify(request), { timeout: 30_000 });
    return reply.json<{ data: WatchRunReply }>().data;
  };
  await until('the wait', async () => (await watch(null, 0)).run?.status === 'waiting');
  const standing = await watch(null, 0);
  expect(standing.steps.map(({ id, status }) => [id, status])).toEqual([
    ['one', 'completed'],
    ['signal', 'waiting'],
    ['pause', 'pending'],
    ['never', 'pending'],
  ]);

  const seen = new Map<string, string[]>();
  const quiet = await watch(standing.version, 500);
  expect(quiet).toMatchObject({ changed: false, steps: [] });
  const next = watch(quiet.version, 10_000);
  await agent.post(`/v1/runs/${runId}/signals/go`, {});
  for (let reply = await next; ; reply = await watch(reply.version, 10_000)) {
    expect(reply.changed).toBe(true);
    for (const { id, status } of reply.steps) seen.set(id, [...(seen.get(id) ?? []), status]);
    if (reply.run?.endedAt) break;
  }
  expect(seen.get('one')).toBeUndefined();
  expect(seen.get('signal')?.at(-1)).toBe('completed');
  expect(seen.get('pause')).toEqual(expect.arrayContaining(['waiting', 'completed']));
  expect(seen.get('never')).toEqual(['skipped']);
});
