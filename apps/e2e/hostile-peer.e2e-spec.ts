import type { RunWithSteps, Workflow } from '@agent-platform/contracts';
import {
  startPeer,
  startTestPlatform,
  TestClient,
  until,
  type Answer,
  type Peer,
  type TestPlatform,
} from '@agent-platform/testing';
import { connect } from 'nats';
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

const call = (id: string) => ({ id, type: 'http', with: { url: peer.url }, timeout: '5s', retry: { maxAttempts: 1 } });
const tell = (id: string, data: object) => ({ id, type: 'event', with: { type: 'peer.said', data } });
const BODY = '${{ steps.call.output.body }}';

async function run(steps: readonly object[]): Promise<Answer> {
  const definition = { name: `peer-${peer.requests.length}`, steps };
  const created = await agent.post('/v1/workflows', { definition });
  const { id } = created.body.data as unknown as Workflow;
  return agent.post(`/v1/workflows/${id}/runs?wait=20`, {});
}

/** Runs a workflow of one call to the peer and an event that carries what the peer said. */
async function runOneCall(): Promise<RunWithSteps> {
  const executed = await run([call('call'), tell('tell', { body: BODY })]);
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
  const ended = await runOneCall();
  expect(ended).toMatchObject({ status: 'completed', error: null });
  expect((ended.steps[0]?.output as { body: unknown }).body).toEqual(read);
  expect(peer.requests.length - before).toBe(1);
});

it.each<[string, (response: ServerResponse) => void, string]>([
  ['closes in the middle', (response) => void response.writeHead(200).write('{', () => response.destroy()), 'egress.'],
  ['never answers', () => undefined, 'egress.timeout'],
  [
    'sends a byte now and then for ever',
    (response) => {
      const timer = setInterval(() => response.write('x'), 50);
      response.on('close', () => clearInterval(timer));
    },
    'egress.timeout',
  ],
  [
    'sends a bomb of headers',
    (response) => {
      for (let n = 0; n < 400; n++) response.setHeader(`x-${n}`, 'x'.repeat(1000));
      response.end();
    },
    'egress.',
  ],
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
  const ended = await runOneCall();
  expect(ended).toMatchObject({
    status: 'failed',
    error: { stepId: 'call', code: expect.stringContaining(code) as string },
  });
  expect(ended.error?.code).not.toBe('internal');
  expect(peer.requests.length - before).toBe(1);
});

it('a result that the database refuses for good: the run fails, and the call was made once', async () => {
  await platform.database.query(
    `ALTER TABLE workflow.workflow_run_steps ADD CONSTRAINT refuse_one CHECK (output::text NOT LIKE '%refused%')`,
  );
  answer = (response) => response.end('"refused"');
  const before = peer.requests.length;
  const ended = await runOneCall();
  expect(ended).toMatchObject({ status: 'failed', error: { stepId: 'call', code: 'internal' } });
  expect(peer.requests.length - before).toBe(1);
});

describe('large answers', () => {
  const KIB_900 = 900 * 1024;
  beforeEach(() => {
    answer = (response) => response.end('x'.repeat(KIB_900));
  });

  it('are handed on in events, in order, none lost', async () => {
    const { username, password, host } = new URL(platform.tapUrl);
    const tap = await connect({ servers: host, user: username, pass: password, inboxPrefix: '_INBOX.tap' });
    const heard: unknown[] = [];
    tap.subscribe('events.peer.said', {
      callback: (_error, message) => heard.push(message.json<{ data: { n: number } }>().data.n),
    });
    await tap.flush();
    const numbers = Array.from({ length: 20 }, (_, n) => n);
    const steps = numbers.map((n) => tell(`tell-${n}`, { n, body: BODY }));
    await run([call('call'), ...steps]);
    await until('all events', () => heard.length >= numbers.length);
    expect(heard).toEqual(numbers);
    await tap.close();
  });

  it('are refused where a step would be given more than it may have', async () => {
    const { body } = await run([call('call'), tell('tell', { twice: [BODY, BODY] })]);
    expect(body.data).toMatchObject({ status: 'failed', error: { stepId: 'tell', code: 'step.input.too-large' } });
  });

  it('are left out where all of them would not fit an answer, and shown one by one', async () => {
    const { status, body } = await run(Array.from({ length: 10 }, (_, n) => call(`call-${n}`)));
    const whole = body.data as unknown as RunWithSteps;
    expect({ status, run: whole.status, steps: whole.steps.length }).toEqual({
      status: 200,
      run: 'completed',
      steps: 10,
    });
    const [first, last] = [whole.steps[0], whole.steps.at(-1)];
    expect((first?.output as { body: string }).body).toHaveLength(KIB_900);
    expect(last).toMatchObject({ path: 'call-9', status: 'completed', output: null, truncated: true });
    const one = await agent.get(`/v1/runs/${whole.id}?path=call-9`);
    const { steps } = one.body.data as unknown as RunWithSteps;
    expect(steps.map(({ path, output }) => [path, (output as { body: string }).body.length])).toEqual([
      ['call-9', KIB_900],
    ]);
  });

  it('of very many steps leave out those inside of others, which a path shows', async () => {
    const item = { id: 'item', type: 'transform', with: { value: '${{ index }}' } };
    const loop = { items: '${{ steps.list.output }}', steps: [item] };
    const list = { id: 'list', type: 'transform', with: { value: Array.from({ length: 6000 }, (_, n) => n) } };
    const { body } = await run([list, { id: 'each', type: 'foreach', with: loop }]);
    const whole = body.data as unknown as RunWithSteps;
    expect([whole.status, whole.steps.length, whole.stepsLeftOut]).toEqual(['completed', 5000, true]);
    const one = await agent.get(`/v1/runs/${whole.id}?path=${encodeURIComponent('each[5999]')}`);
    const { steps } = one.body.data as unknown as RunWithSteps;
    expect(steps).toMatchObject([{ path: 'each[5999].item', output: 5999 }]);
  });
});
