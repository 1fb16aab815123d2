import type { Capability, Run, Workflow } from '@agent-platform/contracts';
import {
  createTestAgent,
  startPeer,
  startTestPlatform,
  TestClient,
  testScale,
  until,
  type Answer,
  type Peer,
  type TestPlatform,
} from '@agent-platform/testing';
import { Client } from 'pg';

const MAX_RUNS = 60;
const MAX_RUNS_PER_AGENT = 20;
const MAX_RUNS_PER_WORKFLOW = 12;
const SKILLS: Capability[] = ['workflow_manage', 'workflow_execute', 'workflow_read'];

let platform: TestPlatform;
let peer: Peer;
/** Calls of the peer that are under way, and the most that ever were: by what stands in the path. */
const underWay = new Map<string, { now: number; most: number }>();

beforeAll(async () => {
  peer = await startPeer((request, response) => {
    const counts = request.path
      .split('/')
      .filter(Boolean)
      .map((name) => {
        const count = underWay.get(name) ?? { now: 0, most: 0 };
        underWay.set(name, count);
        count.now++;
        count.most = Math.max(count.most, count.now);
        return count;
      });
    setTimeout(() => {
      for (const count of counts) count.now--;
      response.end('{}');
    }, 500);
  });
  platform = await startTestPlatform('separate processes', {
    MAX_RUNS: String(MAX_RUNS),
    MAX_RUNS_PER_AGENT: String(MAX_RUNS_PER_AGENT),
    MAX_RUNS_PER_WORKFLOW: String(MAX_RUNS_PER_WORKFLOW),
  });
});
afterAll(async () => {
  await platform?.stop();
  await peer?.stop();
});

async function newAgent(): Promise<TestClient> {
  const admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  const { key } = await createTestAgent(admin, { skills: SKILLS });
  return new TestClient(platform.gateway, key);
}

async function create(agent: TestClient, steps: readonly object[]): Promise<string> {
  const { body } = await agent.post('/v1/workflows', { definition: { steps }, name: `load-${Math.random()}` });
  return (body.data as unknown as Workflow).id;
}

const call = (path: string) => [{ id: 'call', type: 'http', with: { url: `${peer.url}/${path}` } }];
const QUICK = [{ id: 'quick', type: 'transform', with: { value: 1 } }];

async function startMany(agent: TestClient, workflow: string, count: number): Promise<void> {
  let left = count;
  const worker = async () => {
    while (left-- > 0) expect((await agent.post(`/v1/workflows/${workflow}/runs`, {})).status).toBe(202);
  };
  await Promise.all(Array.from({ length: 20 }, worker));
}

async function open(): Promise<number> {
  const [row] = await platform.database.query<{ open: number }>(
    'SELECT count(*)::int AS open FROM workflow.workflow_runs WHERE ended_at IS NULL',
  );
  return row?.open ?? -1;
}

it('a replica has no more runs of a workflow, of an agent and at all in memory than it may, and finishes all of them', async () => {
  const agents = await Promise.all(Array.from({ length: 4 }, newAgent));
  await Promise.all(
    agents.flatMap((agent, a) =>
      ['x', 'y'].map(async (w) => startMany(agent, await create(agent, call(`all/agent-${a}/workflow-${a}-${w}`)), 15)),
    ),
  );
  await until('the end of all', async () => (await open()) === 0, 30_000);
  const most = (prefix: string) =>
    Math.max(...[...underWay].filter(([name]) => name.startsWith(prefix)).map(([, count]) => count.most));
  expect(most('workflow-')).toBe(MAX_RUNS_PER_WORKFLOW);
  expect(most('agent-')).toBeLessThanOrEqual(MAX_RUNS_PER_AGENT);
  expect(most('agent-')).toBeGreaterThan(MAX_RUNS_PER_WORKFLOW);
  expect(most('all')).toBeLessThanOrEqual(MAX_RUNS);
});

it("one agent's many runs do not delay another's single run by more than a second", async () => {
  const [many, few] = [await newAgent(), await newAgent()];
  await Promise.all(
    Array.from({ length: 4 }, async () => startMany(many, await create(many, call('many')), 120 * testScale())),
  );
  const quick = await create(few, QUICK);
  const delays: number[] = [];
  for (let n = 0; n < 10; n++) {
    const { status, body } = await few.post(`/v1/workflows/${quick}/runs?wait=20`, {});
    expect(status).toBe(200);
    const run = body.data as unknown as Run;
    delays.push(Date.parse(run.endedAt ?? '') - Date.parse(run.createdAt));
  }
  const waiting = await open();
  process.stdout.write(
    `fairness: ${waiting} runs of another agent wait; single runs took up to ${Math.max(...delays)} ms\n`,
  );
  expect(waiting).toBeGreaterThan(100 * testScale());
  expect(Math.max(...delays)).toBeLessThan(1000);
  await platform.database.query(
    `UPDATE workflow.workflow_runs SET cancel_request = '{}', poked = true WHERE ended_at IS NULL`,
  );
  await until('the end of all', async () => (await open()) === 0, 60_000 * testScale());
});

it('what is more than it can take is told to come back, and nothing collapses', async () => {
  const agent = await newAgent();
  const quick = await create(agent, QUICK);
  const before = await platform.database.query('SELECT FROM workflow.workflow_runs');
  const blocker = new Client({ connectionString: platform.database.url });
  await blocker.connect();
  await blocker.query('BEGIN; LOCK TABLE workflow.workflow_runs IN ACCESS EXCLUSIVE MODE');
  // Longer than a lease, which is renewed meanwhile: statements that wait for the table are not in its way.
  const held = new Promise((resolve) => setTimeout(resolve, 6000));
  let refused = 0;
  const answers = Array.from({ length: 2600 }, async () => {
    const answer = await agent.post(`/v1/workflows/${quick}/runs`, {});
    if (answer.status === 503) refused++;
    return answer;
  });
  await until('refusals', () => refused >= 300, 20_000);
  await held;
  await blocker.query('ROLLBACK');
  await blocker.end();
  const all: Answer[] = await Promise.all(answers);
  const codes = new Map<string, number>();
  for (const { status, body } of all)
    codes.set(`${status} ${body.code}`, (codes.get(`${status} ${body.code}`) ?? 0) + 1);
  expect([...codes.keys()].sort()).toEqual(['202 undefined', '503 service.overloaded']);
  const overloaded = all.filter(({ status }) => status === 503);
  expect(overloaded.every(({ headers }) => Number(headers.get('retry-after')) >= 1)).toBe(true);
  // What was refused was not stored, and what was accepted ends.
  await until('the end of all', async () => (await open()) === 0, 30_000);
  const after = await platform.database.query('SELECT FROM workflow.workflow_runs');
  expect(after.length - before.length).toBe(all.length - overloaded.length);
});
