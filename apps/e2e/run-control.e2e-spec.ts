import type { DryRun, JsonObject, Run, RunWithSteps, Workflow } from '@agent-platform/contracts';
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

describe('a dry run', () => {
  const dryRun = async (definition: JsonObject, input: JsonObject = {}) => {
    const id = await create(definition);
    const answer = await agent.post(`/v1/workflows/${id}/runs`, { dryRun: true, input });
    return { status: answer.status, plan: answer.body.data as unknown as DryRun };
  };
  const verdicts = ({ steps }: DryRun) => Object.fromEntries(steps.map(({ path, verdict }) => [path, verdict]));

  it('tells what would happen, makes no call, and stores nothing', async () => {
    const before = peer.requests.length;
    const rowsBefore = await platform.database.query('SELECT FROM workflow.workflow_runs');
    const { status, plan } = await dryRun(
      {
        steps: [
          { id: 'call', type: 'http', with: { url: `${peer.url}/\${{ input.n }}`, mock: { body: { visits: 7 } } } },
          { id: 'twice', type: 'transform', with: { value: '${{ steps.call.output.body.visits * 2 }}' } },
          { id: 'never', type: 'event', if: '${{ steps.twice.output > 100 }}', with: { type: 'lead.big' } },
          {
            id: 'tell',
            type: 'event',
            needs: ['twice'],
            with: { type: 'lead.scored', data: { points: '${{ steps.twice.output }}' } },
          },
        ],
        output: '${{ steps.twice.output }}',
      },
      { n: 5 },
    );
    expect(status).toBe(200);
    expect(plan).toMatchObject({ dryRun: true, valid: true, output: 14 });
    expect(verdicts(plan)).toEqual({ call: 'would-run', twice: 'would-run', never: 'would-skip', tell: 'would-run' });
    expect(plan.steps[0]?.input).toEqual({ url: `${peer.url}/5` });
    expect(plan.steps[3]?.input).toEqual({ type: 'lead.scored', data: { points: 14 } });
    expect(peer.requests).toHaveLength(before);
    expect(await platform.database.query('SELECT FROM workflow.workflow_runs')).toHaveLength(rowsBefore.length);
  });

  it('leaves open what only a real run can tell', async () => {
    const { plan } = await dryRun(
      {
        steps: [call('a'), { id: 'b', type: 'transform', with: { value: '${{ steps.a.output.status }}' } }],
        output: '${{ steps.b.output }}',
      },
      { n: 1 },
    );
    expect(plan.valid).toBe(true);
    expect(plan.output).toBeUndefined();
    expect(verdicts(plan)).toEqual({ a: 'would-run', b: 'unresolved' });
  });

  it('goes through branches and loops', async () => {
    const { plan } = await dryRun(
      {
        steps: [
          {
            id: 'each',
            type: 'foreach',
            with: {
              items: '${{ input.list }}',
              steps: [{ id: 'x', type: 'transform', with: { value: '${{ item * 2 }}' } }],
            },
          },
          {
            id: 'fan',
            type: 'parallel',
            with: { branches: { l: [{ id: 'y', type: 'transform', with: { value: '${{ steps.each.output }}' } }] } },
          },
        ],
        output: '${{ steps.fan.output }}',
      },
      { list: [1, 2] },
    );
    expect(plan).toMatchObject({ valid: true, output: { l: [2, 4] } });
    expect(Object.keys(verdicts(plan))).toEqual(['each', 'each[0].x', 'each[1].x', 'fan', 'fan.l.y']);
  });

  it.each<[string, JsonObject, string]>([
    [
      'an expression that fails',
      { id: 'a', type: 'transform', with: { value: '${{ input.nothing.x }}' } },
      'step.expression.failed',
    ],
    [
      'a target that is not allowed',
      { id: 'a', type: 'http', with: { url: 'http://169.254.169.254/x' } },
      'egress.address.forbidden',
    ],
    ['a child that is not there', { id: 'a', type: 'workflow', with: { workflow: 'nobody' } }, 'workflow.not-found'],
    [
      'an event of the platform',
      { id: 'a', type: 'event', with: { type: '${{ "work" + "flow.started" }}' } },
      'step.input.invalid',
    ],
  ])('finds %s', async (_what, step, code) => {
    const { plan } = await dryRun({ steps: [step] });
    expect(plan).toMatchObject({ valid: false, steps: [{ verdict: 'would-fail', problem: { code, stepId: 'a' } }] });
  });

  it('finds a capability that is missing, and input that does not fit the schema', async () => {
    const { key } = await createTestAgent(agent, { skills: ['workflow_execute', 'workflow_manage'] });
    const poor = new TestClient(platform.gateway, key);
    const definition = {
      input: { type: 'object', required: ['n'] },
      steps: [{ id: 'tell', type: 'event', with: { type: 'lead.x' } }],
    };
    const id = await create(definition, poor);
    const plan = await poor.post(`/v1/workflows/${id}/runs`, { dryRun: true, input: { n: 1 } });
    expect(plan.body.data).toMatchObject({ valid: false, steps: [{ problem: { code: 'auth.capability.missing' } }] });
    expect(await poor.post(`/v1/workflows/${id}/runs`, { dryRun: true })).toMatchObject({
      status: 422,
      body: { code: 'workflow.input.invalid' },
    });
  });
});
