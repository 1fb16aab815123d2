import type { Run, Workflow } from '@agent-platform/contracts';
import { startTestPlatform, TestClient, until, type TestPlatform } from '@agent-platform/testing';

let platform: TestPlatform;
let agent: TestClient;
let id: string;

beforeAll(async () => {
  platform = await startTestPlatform('one process');
  agent = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  const definition = {
    input: { type: 'object', properties: { n: { type: 'number' } } },
    steps: [{ id: 'one', type: 'transform', with: { value: '${{ input.n }}' } }],
    output: '${{ steps.one.output }}',
  };
  const created = await agent.post('/v1/workflows', { name: 'scheduled', definition });
  id = (created.body.data as unknown as Workflow).id;
});
afterAll(() => platform?.stop());

const put = (body: object, of = id) => agent.send('PUT', `/v1/workflows/${of}/schedule`, JSON.stringify(body));
const get = async () => (await agent.get(`/v1/workflows/${id}`)).body.data as unknown as Workflow;

it('a workflow without a schedule says so', async () => {
  expect((await get()).schedule).toBeNull();
});

it('shows the next five times of a schedule in its zone', async () => {
  const answer = await put({ cron: '0 7 * * MON-FRI', timezone: 'Europe/Berlin', input: { n: 1 } });
  expect(answer.status).toBe(200);
  const { schedule } = await get();
  expect(answer.body.data).toMatchObject({ schedule });
  expect(schedule).toMatchObject({ overlap: 'skip', catchUp: '10m', jitter: '0s', paused: false, input: { n: 1 } });
  expect(schedule?.nextFireTimes).toHaveLength(5);
  const hour = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', timeZone: 'Europe/Berlin' });
  expect(schedule?.nextFireTimes.map((time) => hour.format(new Date(time)))).toEqual(['07', '07', '07', '07', '07']);
});

it('a due time starts a run with the input of the schedule', async () => {
  await put({ cron: '* * * * *', input: { n: 42 } });
  // A minute passes.
  await platform.database.query(
    `UPDATE workflow.workflow_schedules SET next_fire_at = date_trunc('minute', now()) WHERE workflow_id = $1`,
    [id],
  );
  const run = await until('the run', async () => {
    const { body } = await agent.get(`/v1/runs?workflowId=${id}&status=completed`);
    return (body.data as unknown as Run[])[0];
  });
  expect(run).toMatchObject({ trigger: { type: 'schedule' }, output: 42 });
});

it('a paused schedule has no next times; null clears it', async () => {
  await put({ cron: '@hourly', paused: true });
  expect((await get()).schedule).toMatchObject({ paused: true, nextFireTimes: [] });
  await put({ cron: null });
  expect((await get()).schedule).toBeNull();
});

it.each([
  [{ cron: '60 * * * *' }, 'schedule.cron.invalid', 'cron'],
  [{ cron: '0 0 30 2 *' }, 'schedule.cron.invalid', 'cron'],
  [{ cron: '@hourly', timezone: 'Nowhere' }, 'schedule.timezone.unknown', 'timezone'],
  [{ cron: '@hourly', catchUp: 'long' }, 'request.invalid', 'catchUp'],
  [{ cron: '@hourly', jitter: '2d' }, 'request.invalid', 'jitter'],
  [{ cron: '@hourly', overlap: 'never' }, 'request.invalid', 'overlap'],
  [{ cron: '@hourly', input: { n: 'x' } }, 'workflow.input.invalid', 'input.n'],
  [{}, 'request.invalid', 'cron'],
])('refuses %j, naming the field', async (body, code, path) => {
  const answer = await put(body);
  expect(answer).toMatchObject({ status: 422, body: { code } });
  expect(answer.body.errors?.map((error) => error.path)).toContain(path);
});

it("does not find another agent's workflow", async () => {
  const other = '01938f9e-7c1e-7000-8000-000000000001';
  expect(await put({ cron: '@hourly' }, other)).toMatchObject({ status: 404, body: { code: 'workflow.not-found' } });
});
