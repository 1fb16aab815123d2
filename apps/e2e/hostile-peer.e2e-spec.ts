import type { RunWithSteps, Workflow } from '@agent-platform/contracts';
import { startPeer, startTestPlatform, TestClient, type Peer, type TestPlatform } from '@agent-platform/testing';
import type { ServerResponse } from 'node:http';

let platform: TestPlatform;
let agent: TestClient;
let peer: Peer;
let answer: (response: ServerResponse) => void;

beforeAll(async () => {
  peer = await startPeer((_request, response) => answer(response));
  platform = await startTestPlatform('one process');
  agent = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
});
afterAll(async () => {
  await platform?.stop();
  await peer?.stop();
});

/** Runs a workflow of one call to the peer and an event that carries what the peer said. */
async function runOneCall(): Promise<RunWithSteps> {
  const definition = {
    name: `peer-${peer.requests.length}`,
    steps: [
      { id: 'call', type: 'http', with: { url: peer.url }, timeout: '5s', retry: { maxAttempts: 1 } },
      { id: 'tell', type: 'event', with: { type: 'peer.said', data: { body: '${{ steps.call.output.body }}' } } },
    ],
  };
  const created = await agent.post('/v1/workflows', { definition });
  const { id } = created.body.data as unknown as Workflow;
  const executed = await agent.post(`/v1/workflows/${id}/runs?wait=20`, {});
  return executed.body.data as unknown as RunWithSteps;
}

it.each<[string, string, string, unknown]>([
  ['JSON with NUL', 'application/json', '{"a":"x\\u0000y"}', { a: 'x\ufffdy' }],
  ['JSON with half a surrogate pair', 'application/json', '{"a":"\\ud800"}', { a: '\ufffd' }],
  ['a key named __proto__', 'application/json', '{"__proto__":{"a":1}}', JSON.parse('{"__proto__":{"a":1}}')],
  ['text with NUL', 'text/plain', 'x\0y', 'x\ufffdy'],
  ['bytes that are no UTF-8', 'text/plain', '\xff', '\ufffd'],
  ['JSON that is none', 'application/json', '{"a":', '{"a":'],
])('a peer that answers %s: the run ends, and the call was made once', async (_what, type, body, read) => {
  answer = (response) => response.setHeader('content-type', type).end(Buffer.from(body, 'latin1'));
  const before = peer.requests.length;
  const run = await runOneCall();
  expect(run).toMatchObject({ status: 'completed', error: null });
  expect((run.steps[0]?.output as { body: unknown }).body).toEqual(read);
  expect(peer.requests.length - before).toBe(1);
});

it.each<[string, (response: ServerResponse) => void, string]>([
  ['closes in the middle', (response) => void response.writeHead(200).write('{', () => response.destroy()), 'egress.'],
  ['never answers', () => undefined, 'egress.'],
  ['sends without end', (response) => void response.end(Buffer.alloc(12 * 1024 * 1024)), 'egress.'],
  [
    'nests deeper than anyone needs',
    (response) => void response.end('['.repeat(2000) + ']'.repeat(2000)),
    'step.output.too-deep',
  ],
  ['sends more than an output may have', (response) => void response.end('"'.repeat(700_000)), 'step.output.too-large'],
])('a peer that %s: the step fails with a code, and the call was made once', async (_what, misbehave, code) => {
  answer = misbehave;
  const before = peer.requests.length;
  const run = await runOneCall();
  expect(run).toMatchObject({
    status: 'failed',
    error: { stepId: 'call', code: expect.stringContaining(code) as string },
  });
  expect(run.error?.code).not.toBe('internal');
  expect(peer.requests.length - before).toBe(1);
});

it('a result that the database refuses for good: the run fails, and the call was made once', async () => {
  await platform.database.query(
    `ALTER TABLE workflow.workflow_run_steps ADD CONSTRAINT refuse_one CHECK (output::text NOT LIKE '%refused%')`,
  );
  answer = (response) => response.end('"refused"');
  const before = peer.requests.length;
  const run = await runOneCall();
  expect(run).toMatchObject({ status: 'failed', error: { stepId: 'call', code: 'internal' } });
  expect(peer.requests.length - before).toBe(1);
});
