import type { Agent, RunWithSteps, Workflow } from '@agent-platform/contracts';
import {
  startApp,
  startPeer,
  startTestPlatform,
  testEnvironment,
  TestClient,
  testScale,
  until,
  type Peer,
  type TestProcess,
} from '@agent-platform/testing';
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** See LEASE_SECONDS of the engine. */
const THREE_LEASES_MS = 9000;
const STEPS = Array.from({ length: 10 }, (_, index) => `s${index + 1}`);

function tenSteps(url: string): object {
  const steps = STEPS.map((id) => ({
    id,
    type: 'http',
    with: { method: 'POST', url: `${url}/${id}`, body: { step: id } },
  }));
  return { name: 'ten-steps', steps, output: '${{ steps.s10.output.body.n }}' };
}

/** Answers after a while, so that a kill meets a call under way; the third step not before `thirdStep` resolves. */
function slowPeer(thirdStep: Promise<void>): Promise<Peer> {
  return startPeer((request, response) => {
    const answer = () => setTimeout(() => response.end('{"n": 1}'), 300);
    void (request.path === '/s3' ? thirdStep : Promise.resolve()).then(answer);
  });
}

/** Creates the workflow of ten steps and starts a run of it. */
async function startTenSteps(agent: TestClient, peer: Peer): Promise<{ id: string; workflowId: string }> {
  const created = await agent.post('/v1/workflows', { definition: tenSteps(peer.url) });
  const { id: workflowId } = created.body.data as unknown as Workflow;
  const accepted = await agent.post(`/v1/workflows/${workflowId}/runs`, {});
  expect(accepted.status).toBe(202);
  const { id } = accepted.body.data as unknown as RunWithSteps;
  return { id, workflowId };
}

const countOf = (peer: Peer, id: string) => peer.requests.filter(({ path }) => path === `/${id}`).length;

describe('a run survives kill -9', () => {
  let peer: Peer;
  let releaseThirdStep: () => void;
  beforeEach(async () => {
    peer = await slowPeer(new Promise((resolve) => (releaseThirdStep = resolve)));
  });
  afterEach(() => peer.stop());

  it('of the whole platform, three times, and no recorded step runs twice', async () => {
    releaseThirdStep();
    const dataDir = mkdtempSync(join(testEnvironment().folder, 'killed-'));
    const start = () => startApp('standalone', { DATA_DIR: dataDir });
    let platform: TestProcess = await start();
    const { OpenClaw: key = '' } = JSON.parse(readFileSync(join(dataDir, 'keys.json'), 'utf8')) as Record<
      string,
      string
    >;
    const client = () => new TestClient(`http://127.0.0.1:${platform.port}`, key);

    // The test asks for the run far more often than OpenClaw may.
    const { body: me } = await client().get('/v1/me');
    await client().action('agent.update', { id: (me.data as unknown as Agent).id, rateLimitRpm: 100_000 });
    const { id, workflowId } = await startTenSteps(client(), peer);
    // A newer version must not touch the run that is under way.
    const other = { name: 'other', steps: [{ id: 's1', type: 'http', with: { url: `${peer.url}/other` } }] };
    const updated = await client().send('PATCH', `/v1/workflows/${workflowId}`, JSON.stringify({ definition: other }));
    expect(updated.body.data).toMatchObject({ version: 2 });

    const getRun = async () => (await client().get(`/v1/runs/${id}`)).body.data as unknown as RunWithSteps;
    const recorded: { step: string; count: number }[] = [];
    const killsAt = [2, 5, 8];
    for (const count of killsAt) {
      await until(`request ${count}`, () => new Set(peer.requests.map(({ path }) => path)).size >= count);
      await platform.kill();
      platform = await start();
      const { steps } = await getRun();
      const completed = steps.filter(({ status }) => status === 'completed');
      recorded.push(...completed.map((step) => ({ step: step.id, count: countOf(peer, step.id) })));
    }
    const run = await until('the end of the run', async () => {
      const found = await getRun();
      return found.endedAt !== null && found;
    });
    await platform.stop();

    expect(run).toMatchObject({ status: 'completed', output: 1 });
    expect(run.steps.map(({ status }) => status)).toEqual(STEPS.map(() => 'completed'));
    expect(recorded.map(({ step }) => ({ step, count: countOf(peer, step) }))).toEqual(recorded);
    // What was on its way at a kill went out once more; nothing else did.
    expect(peer.requests.length).toBeLessThanOrEqual(STEPS.length + killsAt.length);
    for (const step of STEPS) {
      const keys = peer.requests
        .filter(({ path }) => path === `/${step}`)
        .map(({ headers }) => headers['idempotency-key']);
      expect(new Set(keys)).toEqual(new Set([`${id}:${step}`]));
    }
  });

  it('of one executor of two: the other takes the run over', async () => {
    const platform = await startTestPlatform('separate processes');
    const agent = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
    const first = platform.separate?.processes.get('workflow-executor');
    const { id } = await startTenSteps(agent, peer);
    // Started after the run was accepted, so that the run is the first one's.
    await platform.separate?.startService('workflow-executor');
    await until('the third step', () => countOf(peer, 's3') > 0);
    await first?.kill();
    releaseThirdStep();
    const before = peer.requests.length;
    await until('the run to go on', () => peer.requests.length > before);
    await until('the end of the run', async () => {
      const answer = await agent.get(`/v1/runs/${id}`);
      return (answer.body.data as unknown as RunWithSteps).status === 'completed';
    });
    expect(STEPS.filter((step) => countOf(peer, step) > 1).length).toBeLessThanOrEqual(1);
    await platform.stop();
  });

  it('a paused executor that wakes after its lease, in the middle of the run, changes nothing and repeats nothing', async () => {
    const platform = await startTestPlatform('separate processes');
    const agent = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
    const first = platform.separate?.processes.get('workflow-executor');
    const { id } = await startTenSteps(agent, peer);
    await platform.separate?.startService('workflow-executor');
    await until('the third step', () => countOf(peer, 's3') > 0);
    first?.child.kill('SIGSTOP');
    releaseThirdStep();
    await until('the other to go on', () => countOf(peer, 's6') > 0);
    // By hand for three lease times: TEST_SCALE=2 npx jest apps/e2e/kill
    if (testScale() > 1) await new Promise((resolve) => setTimeout(resolve, THREE_LEASES_MS));
    first?.child.kill('SIGCONT');
    await until('the paused one to notice', () => first?.output().includes('the lease has run out'));
    const run = await until('the end of the run', async () => {
      const answer = await agent.get(`/v1/runs/${id}`);
      const found = answer.body.data as unknown as RunWithSteps;
      return found.endedAt !== null && found;
    });
    expect(run.status).toBe('completed');
    const rows = await platform.database.query('SELECT lease_epoch FROM workflow.workflow_runs WHERE id = $1', [id]);
    expect(rows).toEqual([{ lease_epoch: 2 }]);
    // The one that was under way when it was paused may have gone out twice; from there on only the new holder called.
    expect(STEPS.filter((step) => countOf(peer, step) > 1).length).toBeLessThanOrEqual(1);
    expect(peer.requests.length).toBeLessThanOrEqual(STEPS.length + 1);
    await platform.stop();
  });

  it('a run that is leased to a live executor which does not know of it goes on', async () => {
    const platform = await startTestPlatform('separate processes');
    const agent = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
    const definition = { steps: [{ id: 'wait', type: 'wait', with: { signal: { name: 'go' } } }] };
    const created = await agent.post('/v1/workflows', { name: 'stray', definition });
    const started = await agent.post(`/v1/workflows/${(created.body.data as unknown as Workflow).id}/runs`, {});
    const { id } = started.body.data as unknown as RunWithSteps;
    // As where the answer to a claim was lost with its connection, once the run waits in nobody's memory.
    const stray = await until('the run to be out of memory', async () => {
      const rows = await platform.database.query(
        `UPDATE workflow.workflow_runs SET lease_owner = (SELECT id FROM workflow.executors), lease_epoch = lease_epoch + 1,
           record_seq = 0, wake_at = NULL WHERE id = $1 AND wake_at IS NOT NULL RETURNING lease_epoch`,
        [id],
      );
      return rows.length > 0 && rows;
    });
    expect(stray).toEqual([{ lease_epoch: 2 }]);
    expect((await agent.post(`/v1/runs/${id}/signals/go`, {})).status).toBe(202);
    await until('the end of the run', async () => {
      const answer = await agent.get(`/v1/runs/${id}`);
      return (answer.body.data as unknown as RunWithSteps).status === 'completed';
    });
    await platform.stop();
  });
});
