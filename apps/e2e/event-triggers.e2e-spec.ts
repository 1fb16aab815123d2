import type { EmittedEvent, JsonObject, Run, RunWithSteps, Workflow } from '@agent-platform/contracts';
import {
  createTestAgent,
  startTestPlatform,
  TestClient,
  testScale,
  until,
  type TestPlatform,
} from '@agent-platform/testing';
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';

const EVENTS = 200 * testScale();

let platform: TestPlatform;
let agent: TestClient;

/** A workflow that gives back the points of the event that has started it. */
const points = (on: JsonObject | JsonObject[], more: JsonObject = {}): JsonObject => ({
  on,
  steps: [{ id: 'one', type: 'transform', with: { value: '${{ input.data.points }}' } }],
  output: { points: '${{ steps.one.output }}', type: '${{ input.type }}' },
  ...more,
});

async function create(definition: JsonObject, client = agent): Promise<string> {
  const answer = await client.post('/v1/workflows', { name: `w-${randomUUID()}`, definition });
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  return (answer.body.data as unknown as Workflow).id;
}

async function emit(type: string, data: JsonObject = {}, client = agent): Promise<string> {
  const answer = await client.post('/v1/events', { type, data });
  if (answer.status !== 202) throw new Error(JSON.stringify(answer.body));
  return (answer.body.data as unknown as EmittedEvent).id;
}

const runsOf = async (id: string) =>
  (await agent.get(`/v1/runs?trigger=event&workflowId=${id}`)).body.data as unknown as Run[];

/** The ended runs of a workflow, once there are so many. */
const ended = (id: string, count: number) =>
  until(`${count} runs`, async () => {
    const runs = await runsOf(id);
    return runs.length >= count && runs.every(({ endedAt }) => endedAt !== null) && runs;
  });

/** Resolves when all that was emitted so far has been looked at, by a workflow that any event starts. */
async function everythingTakenIn(): Promise<void> {
  const type = `mark.m${randomUUID()}`;
  const id = await create(points({ event: type }));
  await emit(type);
  await ended(id, 1);
}

describe('in one process', () => {
  beforeAll(async () => {
    platform = await startTestPlatform('one process');
    agent = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  });
  afterAll(() => platform?.stop());

  it('end where workflows start each other: a run that too many have led to fails, and its end starts none', async () => {
    const type = `circle.c${randomUUID()}`;
    const steps = [{ id: 'again', type: 'event', with: { type, data: { n: '${{ input.data.n + 1 }}' } } }];
    const circle = await create({ on: { event: type }, steps });
    const watcher = await create(points({ event: 'workflow.failed', filter: `data.workflowId == "${circle}"` }));
    const first = await emit(type, { n: 1 });
    await everythingTakenIn();
    const runs = await until('the last run', async () => {
      const found = await runsOf(circle);
      return found.some(({ status }) => status === 'failed') && found;
    });
    await everythingTakenIn();
    // SPEC section 6: 8 levels.
    expect(await runsOf(circle)).toHaveLength(10);
    expect(runs.filter(({ status }) => status === 'failed')).toMatchObject([{ error: { code: 'run.depth.too-deep' } }]);
    expect(await runsOf(watcher)).toEqual([]);
    const { body } = await agent.get(`/v1/events?type=${type}&order=asc`);
    const depths = (body.data as unknown as { id: string; depth?: number }[]).map(({ depth = 0 }) => depth);
    expect(depths).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(first).toBeDefined();
  });

  it('an event that passes the filter starts a run with the event as its input', async () => {
    const id = await create(points({ event: 'lead.scored', filter: 'data.points > 10 && type == "lead.scored"' }));
    await emit('lead.scored', { points: 10 });
    await emit('lead.lost', { points: 50 });
    const eventId = await emit('lead.scored', { points: 50 });
    await everythingTakenIn();
    const runs = await ended(id, 1);
    expect(runs).toHaveLength(1);
    expect(runs[0]).toMatchObject({
      trigger: { type: 'event', eventId },
      status: 'completed',
      input: { id: eventId, type: 'lead.scored', data: { points: 50 }, specversion: '1.0' },
      output: { points: 50, type: 'lead.scored' },
    });
    const shown = await agent.get(`/v1/runs/${runs[0]?.id}`);
    expect(shown.body.data).toMatchObject({ trigger: { type: 'event', eventId } });
  });

  it('an event of a step starts a workflow by the beginning of its type, one run for all triggers that it fits', async () => {
    const id = await create(points([{ event: 'deal.*' }, { event: 'deal.won' }, { event: 'offer.made' }]));
    const teller = await create({
      steps: [{ id: 'tell', type: 'event', with: { type: 'deal.won', data: { points: 3 } } }],
    });
    await agent.post(`/v1/workflows/${teller}/runs?wait=20`, {});
    await emit('offer.made', { points: 4 });
    await everythingTakenIn();
    const runs = await ended(id, 2);
    // They come from two services, each of which hands on its own.
    const outputs = runs.map(({ output }) => (output as JsonObject).type).sort();
    expect(outputs).toEqual(['deal.won', 'offer.made']);
  });

  it('neither what was emitted before, nor by another agent, starts a run', async () => {
    await emit('early.bird', { points: 1 });
    await everythingTakenIn();
    const id = await create(points({ event: 'early.*' }));
    const { key } = await createTestAgent(agent, { skills: ['event_publish'] });
    await emit('early.bird', { points: 2 }, new TestClient(platform.gateway, key));
    await emit('early.bird', { points: 3 });
    await everythingTakenIn();
    expect((await ended(id, 1)).map(({ output }) => output)).toEqual([{ points: 3, type: 'early.bird' }]);
  });

  it('a new version has new triggers, a deleted workflow has none', async () => {
    const id = await create(points({ event: 'old.type' }));
    await emit('old.type', { points: 1 });
    await ended(id, 1);
    const definition = points({ event: 'new.type' });
    await agent.send('PATCH', `/v1/workflows/${id}`, JSON.stringify({ definition }));
    await emit('old.type', { points: 2 });
    await emit('new.type', { points: 3 });
    await everythingTakenIn();
    const runs = await ended(id, 2);
    expect(runs.map(({ workflowVersion, output }) => [workflowVersion, output])).toEqual([
      [2, { points: 3, type: 'new.type' }],
      [1, { points: 1, type: 'old.type' }],
    ]);
    // A change of something else leaves them as they are.
    await agent.send('PATCH', `/v1/workflows/${id}`, JSON.stringify({ description: 'x' }));
    await emit('new.type', { points: 4 });
    await ended(id, 3);
    await agent.send('DELETE', `/v1/workflows/${id}`);
    await emit('new.type', { points: 5 });
    await everythingTakenIn();
    expect(await runsOf(id)).toHaveLength(3);
  });

  it('an event that does not fit the input schema leaves a failed run that says so', async () => {
    const input = { type: 'object', properties: { data: { type: 'object', required: ['points'] } } };
    const id = await create(points({ event: 'odd.lead' }, { input }));
    const eventId = await emit('odd.lead', { other: 1 });
    const [run] = await ended(id, 1);
    expect(run).toMatchObject({
      trigger: { type: 'event', eventId },
      status: 'failed',
      error: { code: 'workflow.input.invalid' },
    });
  });

  it('what the runs of a workflow tell of themselves does not start it, but another', async () => {
    const steps = [{ id: 'one', type: 'transform', with: { value: 1 } }];
    const id = await create({ steps });
    const other = await create({ on: { event: 'workflow.completed', filter: `data.workflowId == "${id}"` }, steps });
    // Without the filter each would start the other for ever.
    const on = { event: 'workflow.*', filter: `data.workflowId != "${other}"` };
    await agent.send('PATCH', `/v1/workflows/${id}`, JSON.stringify({ definition: { on, steps } }));
    await agent.post(`/v1/workflows/${id}/runs?wait=20`, {});
    expect((await ended(other, 1))[0]).toMatchObject({ status: 'completed', input: { data: { workflowId: id } } });
    await agent.send('DELETE', `/v1/workflows/${other}`);
    await agent.send('DELETE', `/v1/workflows/${id}`);
    expect((await runsOf(id)).filter(({ input }) => (input.data as JsonObject).workflowId === id)).toEqual([]);
  });

  it('a definition whose triggers are wrong is refused, naming every path', async () => {
    const on: JsonObject[] = [{ event: 'Lead' }, { event: '*', filter: 'input.a' }, { filter: 'true', types: [] }];
    const answer = await agent.post('/v1/workflows', { name: 'wrong', definition: points(on) });
    expect(answer).toMatchObject({ status: 422, body: { code: 'workflow.definition.invalid' } });
    const paths = answer.body.errors?.map(({ path }) => path).sort();
    expect(paths).toEqual(['on[0].event', 'on[1].filter', 'on[2].event', 'on[2].types']);
  });
});

describe('in separate processes', () => {
  const parts = () => platform.separate as NonNullable<TestPlatform['separate']>;
  const startExecutor = () => parts().startService('workflow-executor');
  const killExecutor = () => parts().processes.get('workflow-executor')?.kill();

  beforeAll(async () => {
    platform = await startTestPlatform('separate processes');
    agent = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  });
  afterAll(() => platform?.stop());

  it('each event starts exactly one run, however often the executor is killed and however many there are', async () => {
    const id = await create(points({ event: 'lead.*', filter: 'data.points >= 0' }));
    const emitted: string[] = [];
    for (let n = 0; n < EVENTS; n += 10) {
      emitted.push(
        ...(await Promise.all(Array.from({ length: 10 }, (_, k) => emit('lead.scored', { points: n + k })))),
      );
      if (n % 60 === 50) {
        await killExecutor();
        await startExecutor();
      }
    }
    // One more beside it, as replicas are; it stops with the platform, being the newest of its name.
    const first = parts().processes.get('workflow-executor');
    await startExecutor();
    const count = async () =>
      platform.database.query<{ event: string; status: string; output: { points: number } | null }>(
        'SELECT trigger_event_id AS event, status, output FROM workflow.workflow_runs WHERE workflow_id = $1',
        [id],
      );
    const runs = await until('all runs', async () => {
      const found = await count();
      return found.length >= EVENTS && found.every(({ status }) => status === 'completed') && found;
    });
    expect(runs.map(({ event }) => event).sort()).toEqual([...emitted].sort());
    expect(runs.map(({ output }) => output?.points ?? -1).sort((a, b) => a - b)).toEqual([...emitted.keys()]);
    await first?.stop();
  }, 120_000);

  it('an event reaches the step that waits for it, although the executor was down and all of NATS is gone', async () => {
    const id = await create({
      steps: [{ id: 'next', type: 'wait', with: { event: { type: 'late.news' } } }],
      output: '${{ steps.next.output.data.points }}',
    });
    const started = (await agent.post(`/v1/workflows/${id}/runs`, {})).body.data as unknown as Run;
    const run = async () => (await agent.get(`/v1/runs/${started.id}`)).body.data as unknown as RunWithSteps;
    await until('the wait', async () => (await run()).status === 'waiting');
    await killExecutor();
    const event = await emit('late.news', { points: 7 });
    await until(
      'the event to be stored',
      async () => (await platform.database.query('SELECT FROM event.events WHERE id = $1', [event])).length > 0,
    );
    const startNats = parts().killNats();
    rmSync(join(parts().natsFolder, 'jetstream'), { recursive: true, force: true });
    await startNats();
    await startExecutor();
    const end = await until('the end', async () => {
      const answer = await agent.get(`/v1/runs/${started.id}`);
      const found = answer.body.data as unknown as Run | undefined;
      return found?.endedAt ? found : undefined;
    });
    expect(end).toMatchObject({ status: 'completed', output: 7 });
  }, 120_000);
});
