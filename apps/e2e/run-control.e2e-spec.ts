import type { JsonObject, Run, RunWithSteps, Workflow } from '@agent-platform/contracts';
import {
  createTestAgent,
  startPeer,
  startTestPlatform,
  TestClient,
  type Peer,
  type TestPlatform,
} from '@agent-platform/testing';

let platform: TestPlatform;
let peer: Peer;
let agent: TestClient;
/** What the peer answers for a path. */
const broken = new Set<string>();

beforeAll(async () => {
  peer = await startPeer((request, response) => {
    response.writeHead(broken.has(request.path) ? 400 : 200).end(JSON.stringify(peer.requests.length));
  });
  platform = await startTestPlatform('one process');
  agent = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
});
afterAll(async () => {
  await platform?.stop();
  await peer?.stop();
});

let made = 0;
async function create(definition: JsonObject, by = agent): Promise<string> {
  const created = await by.post('/v1/workflows', { name: `control-${made++}`, definition });
  expect(created).toMatchObject({ status: 201 });
  return (created.body.data as unknown as Workflow).id;
}
async function execute(id: string, body: object = {}, by = agent): Promise<RunWithSteps> {
  return (await by.post(`/v1/workflows/${id}/runs?wait=30`, body)).body.data as unknown as RunWithSteps;
}
async function ended(id: string): Promise<RunWithSteps> {
  for (;;) {
    const run = (await agent.get(`/v1/runs/${id}`)).body.data as unknown as RunWithSteps;
    if (run.endedAt !== null) return run;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
const call = (id: string): JsonObject => ({ id, type: 'http', with: { url: `${peer.url}/${id}?n=\${{ input.n }}` } });
const paths = (since: number) => peer.requests.slice(since).map(({ path }) => path);

describe('run.retry', () => {
  let workflow: string;
  let failed: RunWithSteps;
  beforeAll(async () => {
    workflow = await create({
      input: { type: 'object', required: ['n'], properties: { n: { type: 'number' } } },
      steps: [call('a'), call('b'), call('c')],
      output: '${{ [steps.a.output.body, steps.b.output.body, steps.c.output.body] }}',
    });
    broken.add('/b?n=1');
    failed = await execute(workflow, { input: { n: 1 }, metadata: { team: 'x' } });
    broken.clear();
    expect(failed).toMatchObject({ status: 'failed', error: { stepId: 'b' } });
  });
  const retry = (body: object, id = failed.id) => agent.post(`/v1/runs/${id}/retry`, body);

  it('starts again from the step that failed, with the results before it', async () => {
    const before = peer.requests.length;
    const answer = await retry({});
    expect(answer).toMatchObject({
      status: 202,
      body: { data: { retriedFromRunId: failed.id, trigger: { type: 'retry' } } },
    });
    const run = await ended((answer.body.data as unknown as Run).id);
    expect(run).toMatchObject({ status: 'completed', workflowVersion: 1, metadata: { team: 'x' } });
    expect(paths(before)).toEqual(['/b?n=1', '/c?n=1']);
    expect(run.steps[0]?.output).toEqual(failed.steps[0]?.output);
    expect(await ended(failed.id)).toMatchObject({ status: 'failed' });
  });

  it('takes edited input, and any step to start from', async () => {
    const before = peer.requests.length;
    const answer = await retry({ fromStep: 'a', input: { n: 7 } });
    const run = await ended((answer.body.data as unknown as Run).id);
    expect(run).toMatchObject({ status: 'completed', input: { n: 7 } });
    expect(paths(before)).toEqual(['/a?n=7', '/b?n=7', '/c?n=7']);
  });

  it('runs a newer version', async () => {
    const definition = { steps: [call('a'), call('d')], output: '${{ steps.d.output.status }}' };
    await agent.send('PATCH', `/v1/workflows/${workflow}`, JSON.stringify({ definition }));
    const before = peer.requests.length;
    const answer = await retry({ version: 2 });
    const run = await ended((answer.body.data as unknown as Run).id);
    expect(run).toMatchObject({ status: 'completed', workflowVersion: 2, output: 200 });
    expect(paths(before)).toEqual(['/d?n=1']);
    expect(await retry({ version: 1 }, run.id)).toMatchObject({ status: 422, body: { errors: [{ path: 'version' }] } });
  });

  it('refuses what cannot be retried, and says why', async () => {
    const completed = await execute(await create({ steps: [{ id: 'one', type: 'transform', with: { value: 1 } }] }));
    expect(await retry({}, completed.id)).toMatchObject({ status: 422, body: { errors: [{ path: 'fromStep' }] } });
    expect(await retry({ fromStep: 'nothing' })).toMatchObject({ status: 422, body: { code: 'run.step.not-found' } });
    expect(await retry({ version: 9 })).toMatchObject({ status: 404, body: { code: 'workflow.version.not-found' } });
    expect(await retry({ input: { n: 'x' } })).toMatchObject({ status: 422, body: { code: 'workflow.input.invalid' } });
    const waiting = await create({ steps: [{ id: 'pause', type: 'wait', with: { duration: '1d' } }] });
    const started = await agent.post(`/v1/workflows/${waiting}/runs`, {});
    const { id } = started.body.data as unknown as Run;
    expect(await retry({}, id)).toMatchObject({ status: 409, body: { code: 'run.not-ended' } });
    expect(await retry({}, '01938f9e-7c1e-7000-8000-000000000001')).toMatchObject({ status: 404 });
  });
});

describe('run.list', () => {
  let other: TestClient;
  let workflow: string;
  beforeAll(async () => {
    const { key } = await createTestAgent(agent, {
      skills: ['workflow_execute', 'workflow_manage', 'workflow_read'],
    });
    other = new TestClient(platform.gateway, key);
    workflow = await create({ steps: [{ id: 'one', type: 'transform', with: { value: '${{ input.a.b }}' } }] }, other);
    await execute(workflow, { input: { a: { b: 1 } }, metadata: { team: 'x', n: 1 } }, other);
    await execute(workflow, { input: { a: { b: 1 } }, metadata: { team: 'y' } }, other);
    await execute(workflow, {}, other);
  });
  const list = async (query: string, by = other) => {
    const { body } = await by.get(`/v1/runs?${query}`);
    return { runs: body.data as unknown as Run[], page: body.page as unknown as { counts?: JsonObject } };
  };

  it.each([
    ['status=failed', 1],
    ['status=completed', 2],
    ['status=running', 0],
    ['trigger=manual', 3],
    ['trigger=schedule', 0],
    ['createdAfter=2020-01-01T00:00:00Z', 3],
    ['createdBefore=2020-01-01T00:00:00Z', 0],
    ['createdAfter=2099-01-01T00:00:00Z', 0],
    [`metadata=${encodeURIComponent('{"team":"x"}')}`, 1],
    [`metadata=${encodeURIComponent('{"team":"x"}')}&status=failed`, 0],
  ])('%s gives %d', async (query, count) => {
    expect((await list(query)).runs).toHaveLength(count);
  });

  it('counts each status over the other filters', async () => {
    const { page } = await list('counts=true&status=failed&limit=1');
    expect(page.counts).toEqual({ pending: 0, running: 0, waiting: 0, completed: 2, failed: 1, cancelled: 0 });
    expect((await list('')).page.counts).toBeUndefined();
  });

  it('shows an agent its own runs, and system_admin those of any', async () => {
    const [run] = (await list('limit=1')).runs;
    expect((await list(`agentId=${run?.agentId}`, agent)).runs).toHaveLength(3);
    const { id } = (await agent.get('/v1/me')).body.data as unknown as { id: string };
    expect((await list(`agentId=${id}`, agent)).runs.length).toBeGreaterThan(0);
    expect((await list(`agentId=${id}`)).runs).toEqual([]);
  });

  it.each(['metadata=rubbish', 'createdAfter=yesterday', 'counts=maybe', 'trigger=none'])(
    'refuses %s',
    async (query) => {
      expect(await other.get(`/v1/runs?${query}`)).toMatchObject({ status: 422, body: { code: 'request.invalid' } });
    },
  );
});
