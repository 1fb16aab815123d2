import type { JsonObject, RunWithSteps, Workflow } from '@agent-platform/contracts';
import {
  createTestAgent,
  startPeer,
  startTestPlatform,
  TestClient,
  until,
  type Peer,
  type TestPlatform,
} from '@agent-platform/testing';

let platform: TestPlatform;
let peer: Peer;
let agent: TestClient;
/** Another agent that sees every run. */
let approver: TestClient;

beforeAll(async () => {
  peer = await startPeer((request, response) => {
    const [, status = '200'] = /status=(\d+)/.exec(request.path) ?? [];
    response
      .writeHead(Number(status), { 'content-type': 'application/json' })
      .end(JSON.stringify({ path: request.path }));
  });
  platform = await startTestPlatform('separate processes');
  agent = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  const { key } = await createTestAgent(agent, { skills: ['system_admin', 'workflow_execute', 'workflow_read'] });
  approver = new TestClient(platform.gateway, key);
});
afterAll(async () => {
  await platform?.stop();
  await peer?.stop();
});

let made = 0;

async function create(definition: JsonObject): Promise<string> {
  const created = await agent.post('/v1/workflows', { name: `language-${made++}`, definition });
  expect(created).toMatchObject({ status: 201 });
  return (created.body.data as unknown as Workflow).id;
}

async function start(definition: JsonObject, input: JsonObject = {}, wait = 0): Promise<RunWithSteps> {
  const id = await create(definition);
  const answer = await agent.post(`/v1/workflows/${id}/runs${wait > 0 ? `?wait=${wait}` : ''}`, { input });
  return answer.body.data as unknown as RunWithSteps;
}

/** Starts a run and waits for its end. */
const run = (definition: JsonObject, input: JsonObject = {}) => start(definition, input, 30);

const getRun = async (id: string) => (await agent.get(`/v1/runs/${id}`)).body.data as unknown as RunWithSteps;

function ended(id: string): Promise<RunWithSteps> {
  return until('the end of the run', async () => {
    const found = await getRun(id);
    return found.endedAt !== null && found;
  });
}

function standing(id: string, type: string): Promise<RunWithSteps> {
  return until(`the run to wait for ${type}`, async () => {
    const found = await getRun(id);
    return found.waitingFor?.type === type && found;
  });
}

const transform = (id: string, value: unknown, more: JsonObject = {}): JsonObject => ({
  id,
  type: 'transform',
  with: { value: value as never },
  ...more,
});
/** Fails while it runs: the expression divides by nothing. */
const failing = (id: string, more: JsonObject = {}) => transform(id, '${{ input.nothing.at.all }}', more);
const statuses = ({ steps }: RunWithSteps) => Object.fromEntries(steps.map(({ path, status }) => [path, status]));

describe('steps that hold steps', () => {
  it('parallel: runs its branches, and answers the last output of each', async () => {
    const ended = await run({
      steps: [
        transform('a', 2),
        {
          id: 'fan',
          type: 'parallel',
          with: {
            branches: {
              left: [transform('l1', '${{ steps.a.output * 10 }}'), transform('l2', '${{ steps.l1.output + 1 }}')],
              right: [{ id: 'r1', type: 'http', with: { url: `${peer.url}/right` } }],
            },
          },
        },
      ],
      output: '${{ [steps.fan.output.left, steps.fan.output.right.status] }}',
    });
    expect(ended).toMatchObject({ status: 'completed', output: [21, 200] });
    expect(statuses(ended)).toMatchObject({ 'fan.left.l2': 'completed', 'fan.right.r1': 'completed' });
  });

  it('parallel: a branch that fails stops the others and fails the run, naming the step', async () => {
    const ended = await run({
      steps: [
        {
          id: 'fan',
          type: 'parallel',
          with: {
            branches: {
              bad: [failing('boom')],
              long: [{ id: 'pause', type: 'wait', with: { duration: '1h' } }],
            },
          },
        },
      ],
    });
    expect(ended).toMatchObject({
      status: 'failed',
      error: { code: 'step.expression.failed', stepId: 'fan.bad.boom' },
    });
    expect(statuses(ended)).toMatchObject({ fan: 'failed', 'fan.bad.boom': 'failed', 'fan.long.pause': 'cancelled' });
  });

  it('foreach: keeps the order of the items whatever their concurrency', async () => {
    const ended = await run(
      {
        steps: [
          {
            id: 'each',
            type: 'foreach',
            with: {
              items: '${{ input.items }}',
              concurrency: 7,
              steps: [
                { id: 'call', type: 'http', with: { url: `${peer.url}/item/\${{ item }}` } },
                transform('out', '${{ [index, item, steps.call.output.status] }}'),
              ],
            },
          },
        ],
        output: '${{ steps.each.output }}',
      },
      { items: Array.from({ length: 40 }, (_, index) => index * 3) },
    );
    expect(ended.output).toEqual(Array.from({ length: 40 }, (_, index) => [index, index * 3, 200]));
    expect(statuses(ended)).toMatchObject({ 'each[39].out': 'completed' });
  });

  it('foreach: takes no more items than the limit', async () => {
    const ended = await run(
      {
        steps: [{ id: 'each', type: 'foreach', with: { items: '${{ input.items }}', steps: [transform('one', 1)] } }],
      },
      { items: Array.from({ length: 10_001 }, () => 0) },
    );
    expect(ended).toMatchObject({ status: 'failed', error: { code: 'step.items.too-many', stepId: 'each' } });
  });

  it('a timeout around steps ends them', async () => {
    const ended = await run({
      steps: [
        {
          id: 'each',
          type: 'foreach',
          timeout: '200ms',
          with: { items: [1], steps: [{ id: 'pause', type: 'wait', with: { duration: '1h' } }] },
        },
      ],
    });
    expect(ended).toMatchObject({ status: 'failed', error: { code: 'step.timeout', stepId: 'each' } });
  });
});

describe('failures', () => {
  it('onError continue: what comes after runs, and can read the error', async () => {
    const ended = await run({
      steps: [failing('bad', { onError: 'continue' }), transform('after', '${{ steps.bad.error.code }}')],
      output: '${{ [steps.bad.status, steps.after.output] }}',
    });
    expect(ended).toMatchObject({ status: 'completed', output: ['failed', 'step.expression.failed'] });
  });

  it('onError goto forwards: skips what lies between', async () => {
    const ended = await run({
      steps: [
        failing('bad', { onError: { goto: 'repair' } }),
        transform('between', 1),
        transform('repair', '${{ steps.bad.error.code }}'),
      ],
      output: '${{ steps.repair.output }}',
    });
    expect(ended).toMatchObject({ status: 'completed', output: 'step.expression.failed' });
    expect(statuses(ended)).toEqual({ bad: 'failed', between: 'skipped', repair: 'completed' });
  });

  it('onError goto backwards: runs the steps again, each visit with a record of its own', async () => {
    let calls = 0;
    const flaky = await startPeer((_request, response) => {
      response.writeHead(calls++ < 2 ? 404 : 200).end('{}');
    });
    const ended = await run({
      steps: [
        transform('first', 1),
        { id: 'call', type: 'http', with: { url: flaky.url }, onError: { goto: 'first' } },
        transform('last', '${{ steps.call.output.status }}'),
      ],
      output: '${{ steps.last.output }}',
    });
    await flaky.stop();
    expect(ended).toMatchObject({ status: 'completed', output: 200 });
    expect(statuses(ended)).toMatchObject({
      call: 'failed',
      'call#2': 'failed',
      'call#3': 'completed',
      'first#3': 'completed',
    });
    const keys = flaky.requests.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toEqual([`${ended.id}:call`, `${ended.id}:call#2`, `${ended.id}:call#3`]);
  });

  it('an endless goto ends the run as failed', async () => {
    const ended = await run({ steps: [transform('a', 1), failing('b', { onError: { goto: 'a' } })] });
    expect(ended).toMatchObject({ status: 'failed', error: { code: 'run.goto.too-many' } });
  });

  it('compensates completed steps in reverse order when a later one fails', async () => {
    const before = peer.requests.length;
    const step = (id: string): JsonObject => ({
      id,
      type: 'http',
      with: { url: `${peer.url}/do/${id}` },
      compensate: { type: 'http', with: { url: `${peer.url}/undo/\${{ steps.${id}.output.status }}/${id}` } },
    });
    const ended = await run({
      steps: [
        step('a'),
        { id: 'fan', type: 'foreach', with: { items: [1], steps: [step('b')] } },
        step('c'),
        failing('bad'),
      ],
    });
    expect(ended).toMatchObject({ status: 'failed', error: { stepId: 'bad' } });
    expect(peer.requests.slice(before).map(({ path }) => path)).toEqual([
      '/do/a',
      '/do/b',
      '/do/c',
      '/undo/200/c',
      '/undo/200/b',
      '/undo/200/a',
    ]);
    expect(statuses(ended)).toMatchObject({ 'a:compensate': 'completed', 'fan[0].b:compensate': 'completed' });
  });

  it('a compensation that fails is recorded, and the others still run', async () => {
    const step = (id: string, status: number): JsonObject =>
      transform(id, 1, { compensate: { type: 'http', with: { url: `${peer.url}/undo/${id}?status=${status}` } } });
    const ended = await run({ steps: [step('a', 200), step('b', 400), failing('bad')] });
    expect(statuses(ended)).toMatchObject({ 'a:compensate': 'completed', 'b:compensate': 'failed' });
  });

  it('retryOn decides what is tried again', async () => {
    const call = (id: string, retryOn: JsonObject['x']): JsonObject => ({
      id,
      type: 'http',
      needs: [],
      onError: 'continue',
      with: { url: `${peer.url}/${id}?status=404` },
      retry: { maxAttempts: 3, initialInterval: '1ms', retryOn },
    });
    const ended = await run({ steps: [call('again', [404]), call('never', ['5xx'])] });
    expect(ended.steps.map(({ id, attempt }) => [id, attempt])).toEqual([
      ['again', 3],
      ['never', 1],
    ]);
  });
});

describe('waiting', () => {
  it('wait: a short one', async () => {
    const ended = await run({ steps: [{ id: 'pause', type: 'wait', with: { duration: '50ms' } }] });
    expect(ended).toMatchObject({ status: 'completed', steps: [{ status: 'completed', output: {} }] });
  });

  it('a long wait says why and until when, leaves the memory, and can be cancelled', async () => {
    const { id } = await start({ steps: [{ id: 'pause', type: 'wait', with: { duration: '1d' } }] });
    const waiting = await standing(id, 'wait');
    expect(waiting).toMatchObject({ status: 'waiting', waitingFor: { type: 'wait', stepId: 'pause' } });
    expect(Date.parse(waiting.resumesAt ?? '')).toBeGreaterThan(Date.now() + 86_000_000);
    const rows = await platform.database.query('SELECT lease_owner FROM workflow.workflow_runs WHERE id = $1', [id]);
    expect(rows).toEqual([{ lease_owner: null }]);
    const cancelled = await agent.post(`/v1/runs/${id}/cancel`, { reason: 'not needed' });
    expect(cancelled.status).toBe(202);
    const run = await ended(id);
    expect(run).toMatchObject({
      status: 'cancelled',
      error: { code: 'run.cancelled', detail: 'The run was cancelled: not needed' },
      waitingFor: null,
      resumesAt: null,
    });
    expect(statuses(run)).toEqual({ pause: 'cancelled' });
    expect(await agent.post(`/v1/runs/${id}/cancel`, {})).toMatchObject({ status: 409, body: { code: 'run.ended' } });
  });

  it('a wait that is over while the run is out of memory is gone on with', async () => {
    const { id } = await start({ steps: [{ id: 'pause', type: 'wait', with: { duration: '1d' } }, transform('b', 2)] });
    await standing(id, 'wait');
    // A day passes.
    await platform.database.query(`UPDATE workflow.workflow_run_steps SET wake_at = now() WHERE run_id = $1`, [id]);
    await platform.database.query('UPDATE workflow.workflow_runs SET wake_at = now() WHERE id = $1', [id]);
    expect(await ended(id)).toMatchObject({ status: 'completed' });
  });

  it('cancellation reaches a call that is under way', async () => {
    const silent = await startPeer(() => undefined);
    const { id } = await start({ steps: [{ id: 'call', type: 'http', with: { url: silent.url } }] });
    await until('the call', () => silent.requests.length > 0);
    await agent.post(`/v1/runs/${id}/cancel`, {});
    expect(await ended(id)).toMatchObject({ status: 'cancelled', steps: [{ id: 'call', status: 'cancelled' }] });
    await silent.stop();
  });

  it('a signal reaches the step that waits for it, where it matches', async () => {
    const { id } = await start(
      {
        steps: [
          { id: 'paid', type: 'wait', with: { signal: { name: 'payment', match: 'signal.amount >= input.price' } } },
        ],
        output: '${{ steps.paid.output }}',
      },
      { price: 10 },
    );
    await standing(id, 'signal');
    for (const amount of [5, 'much', 12]) {
      expect(await agent.post(`/v1/runs/${id}/signals/payment`, { payload: { amount } })).toMatchObject({
        status: 202,
      });
    }
    expect(await ended(id)).toMatchObject({ status: 'completed', output: { amount: 12 } });
  });

  it('a signal that comes before its step waits for it', async () => {
    const { id } = await start({
      steps: [
        { id: 'first', type: 'wait', with: { signal: { name: 'one' } } },
        { id: 'second', type: 'wait', with: { signal: { name: 'two' } } },
      ],
      output: '${{ [steps.first.output, steps.second.output] }}',
    });
    await agent.post(`/v1/runs/${id}/signals/two`, { payload: { n: 2 } });
    await standing(id, 'signal');
    await agent.post(`/v1/runs/${id}/signals/one`, { payload: { n: 1 } });
    expect(await ended(id)).toMatchObject({ output: [{ n: 1 }, { n: 2 }] });
  });

  it('a signal that does not come in time fails the step', async () => {
    const ended = await run({
      steps: [{ id: 'never', type: 'wait', timeout: '50ms', with: { signal: { name: 'never' } } }],
    });
    expect(ended).toMatchObject({ status: 'failed', error: { code: 'step.timeout', stepId: 'never' } });
  });
});

describe('approvals', () => {
  const definition = {
    steps: [
      { id: 'review', type: 'approval', with: { title: 'Pay ${{ input.amount }}?' } },
      transform('done', '${{ steps.review.output.approved }}'),
    ],
    output: '${{ steps.review.output }}',
  };

  it('approve: by another agent, with its reason in the output and the audit log', async () => {
    const { id } = await start(definition, { amount: 7 });
    expect(await standing(id, 'approval')).toMatchObject({ steps: [{ input: { title: 'Pay 7?' } }, {}] });
    const own = await agent.post(`/v1/runs/${id}/signals/approve`, { payload: { stepId: 'review' } });
    expect(own).toMatchObject({ status: 403, body: { code: 'run.approval.own' } });
    const payload = { stepId: 'review', reason: 'looks right' };
    expect(await approver.post(`/v1/runs/${id}/signals/approve`, { payload })).toMatchObject({ status: 202 });
    expect(await ended(id)).toMatchObject({ status: 'completed', output: { approved: true, reason: 'looks right' } });
    const rows = await until('the audit row', async () => {
      const found = await platform.database.query<{ after: object }>(
        `SELECT after FROM auth.audit_log WHERE target_id = $1 AND action = 'run.signal' AND decision = 'allowed'`,
        [id],
      );
      return found.length > 0 && found;
    });
    expect(rows).toEqual([{ after: { signal: 'approve', stepId: 'review', reason: 'looks right' } }]);
  });

  it('deny: fails the step with the reason', async () => {
    const { id } = await start(definition, { amount: 7 });
    await standing(id, 'approval');
    await approver.post(`/v1/runs/${id}/signals/deny`, { payload: { stepId: 'review', reason: 'too much' } });
    const run = await ended(id);
    expect(run).toMatchObject({ status: 'failed', error: { code: 'step.approval.denied', stepId: 'review' } });
    expect(run.error?.detail).toContain('too much');
  });

  it('refuses answers that no approval waits for, and a second one', async () => {
    const { id } = await start(definition, { amount: 7 });
    await standing(id, 'approval');
    const answer = (name: string, payload: object) => approver.post(`/v1/runs/${id}/signals/${name}`, { payload });
    expect(await answer('approve', { stepId: 'done' })).toMatchObject({
      status: 409,
      body: { code: 'run.approval.not-waiting' },
    });
    expect(await answer('approve', {})).toMatchObject({ status: 422, body: { errors: [{ path: 'payload.stepId' }] } });
    expect(await answer('approve', { stepId: 'review', x: 1 })).toMatchObject({ status: 422 });
    await answer('deny', { stepId: 'review' });
    expect((await answer('approve', { stepId: 'review' })).status).toBe(409);
  });

  it('expires', async () => {
    const ended = await run({ steps: [{ id: 'review', type: 'approval', with: { title: 'x', expiresIn: '50ms' } }] });
    expect(ended).toMatchObject({ status: 'failed', error: { code: 'step.approval.expired' } });
  });
});

describe('child runs', () => {
  it('waits for its child, and takes its output', async () => {
    const child = await create({
      input: { type: 'object', required: ['n'], properties: { n: { type: 'number' } } },
      steps: [transform('double', '${{ input.n * 2 }}')],
      output: '${{ steps.double.output }}',
    });
    const parent = await run({
      steps: [{ id: 'call', type: 'workflow', with: { workflow: child, input: { n: 21 } } }],
      output: '${{ steps.call.output }}',
    });
    expect(parent).toMatchObject({ status: 'completed', output: 42 });
    const rows = await platform.database.query(
      'SELECT trigger_type, parent_path, depth FROM workflow.workflow_runs WHERE parent_run_id = $1',
      [parent.id],
    );
    expect(rows).toEqual([{ trigger_type: 'parent', parent_path: 'call', depth: 1 }]);
  });

  it('tells why the child failed; what does not fit the schema of the child starts none', async () => {
    const child = await create({
      input: { type: 'object', required: ['n'] },
      steps: [failing('boom')],
    });
    const call = (input: JsonObject) =>
      run({ steps: [{ id: 'call', type: 'workflow', with: { workflow: child, input } }] });
    const failed = await call({ n: 1 });
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'step.child.failed', stepId: 'call' } });
    expect(failed.error?.detail).toContain('step.expression.failed');
    expect(await call({})).toMatchObject({ error: { code: 'workflow.input.invalid' } });
  });

  it('without waiting: answers the id of the child', async () => {
    const child = await create({ steps: [transform('one', 1)] });
    const parent = await run({
      steps: [{ id: 'call', type: 'workflow', with: { workflow: child, wait: false } }],
      output: '${{ steps.call.output.runId }}',
    });
    expect(await ended(parent.output as string)).toMatchObject({ status: 'completed', parentRunId: parent.id });
  });

  it('is cancelled with its parent', async () => {
    const child = await create({ steps: [{ id: 'pause', type: 'wait', with: { duration: '1h' } }] });
    const parent = await start({ steps: [{ id: 'call', type: 'workflow', with: { workflow: child } }] });
    const { waitingFor } = await standing(parent.id, 'workflow');
    const childId = waitingFor?.runId as string;
    await standing(childId, 'wait');
    await agent.post(`/v1/runs/${parent.id}/cancel`, {});
    expect(await ended(parent.id)).toMatchObject({ status: 'cancelled' });
    expect(await ended(childId)).toMatchObject({ status: 'cancelled' });
  });

  it('has eight levels at the most', async () => {
    const name = `recursive-${made++}`;
    await agent.post('/v1/workflows', {
      name,
      definition: { steps: [{ id: 'again', type: 'workflow', with: { workflow: name } }] },
    });
    const list = await agent.get(`/v1/workflows?search=${name}`);
    const [{ id }] = list.body.data as unknown as [Workflow];
    const answer = await agent.post(`/v1/workflows/${id}/runs?wait=30`, {});
    const top = answer.body.data as unknown as RunWithSteps;
    expect(top).toMatchObject({ status: 'failed', error: { code: 'step.child.failed' } });
    const rows = await platform.database.query<{ depth: number; code: string }>(
      `SELECT depth, error ->> 'code' AS code FROM workflow.workflow_runs WHERE workflow_id = $1 ORDER BY depth DESC`,
      [id],
    );
    expect(rows[0]).toEqual({ depth: 8, code: 'run.depth.too-deep' });
    expect(rows).toHaveLength(9);
  });
});

it('data: fails with the code of the action', async () => {
  const ended = await run({ steps: [{ id: 'read', type: 'data', with: { action: 'list', collection: 'nothing' } }] });
  expect(ended).toMatchObject({ status: 'failed', error: { code: 'data.collection.not-found', stepId: 'read' } });
});

it('publishes a schema of definitions that an editor can fetch without a key', async () => {
  const { status, headers, body } = await new TestClient(platform.gateway, 'none').get('/v1/schemas/workflow.json');
  expect([status, headers.get('content-type')]).toEqual([200, 'application/schema+json']);
  expect(body).toMatchObject({ title: 'Workflow of the Agent Platform', required: ['steps'] });
  const refused = await agent.send('POST', '/v1/schemas/workflow.json', '{}');
  expect(refused.body.code).toBe('request.route.not-found');
});

describe('wait for an event', () => {
  const waits = (match?: string): JsonObject => ({
    steps: [
      { id: 'begin', type: 'transform', with: { value: 1 } },
      { id: 'scored', type: 'wait', with: { event: match ? { type: 'lead.scored', match } : { type: 'lead.scored' } } },
      { id: 'points', type: 'transform', with: { value: '${{ steps.scored.output.data.points }}' } },
    ],
    output: '${{ steps.points.output }}',
  });
  const tells = (points: number, subject = 'x') => ({
    steps: [{ id: 'tell', type: 'event', with: { type: 'lead.scored', subject, data: { points } } }],
  });
  const waiting = async (id: string) =>
    until('the wait', async () => (await getRun(id)).status === 'waiting' && (await getRun(id)));

  it('goes on with the first that matches, which each step that waits gets', async () => {
    const any = await start(waits());
    const high = await start(waits('event.data.points > input.min'), { min: 10 });
    expect(await waiting(any.id)).toMatchObject({
      waitingFor: { type: 'event', name: 'lead.scored', stepId: 'scored' },
      resumesAt: expect.any(String) as string,
    });
    await waiting(high.id);
    await run(tells(5));
    expect(await ended(any.id)).toMatchObject({ status: 'completed', output: 5 });
    await run(tells(50));
    expect(await ended(high.id)).toMatchObject({ status: 'completed', output: 50 });
  });

  it('takes none that came before, and none of another agent', async () => {
    await run(tells(1));
    const { id } = await start(waits());
    await waiting(id);
    const { key } = await createTestAgent(agent, {
      skills: ['workflow_manage', 'workflow_execute', 'event_publish', 'workflow_read'],
    });
    const other = new TestClient(platform.gateway, key);
    const made = await other.post('/v1/workflows', { name: 'tell', definition: tells(2) });
    const workflow = (made.body.data as unknown as Workflow).id;
    expect((await other.post(`/v1/workflows/${workflow}/runs?wait=20`, {})).status).toBe(200);
    await run(tells(3));
    expect(await ended(id)).toMatchObject({ output: 3 });
  });

  it('takes an event once in a loop of visits', async () => {
    const definition: JsonObject = {
      steps: [
        { id: 'next', type: 'wait', with: { event: { type: 'loop.turn' } } },
        {
          id: 'check',
          type: 'transform',
          with: { value: '${{ steps.next.output.data.last ? 1 : {}.missing }}' },
          onError: { goto: 'next' },
        },
      ],
    };
    const { id } = await start(definition);
    await waiting(id);
    const turn = (last: boolean) => ({
      steps: [{ id: 't', type: 'event', with: { type: 'loop.turn', data: { last } } }],
    });
    await run(turn(false));
    const again = await until('the second visit', async () => {
      const found = await getRun(id);
      return found.status === 'waiting' && found.steps.some(({ path }) => path === 'next#2') && found;
    });
    expect(again.steps.find(({ path }) => path === 'next#2')?.status).toBe('waiting');
    await run(turn(true));
    expect(await ended(id)).toMatchObject({ status: 'completed' });
  });
});
