import type { JsonObject, Run, Workflow } from '@agent-platform/contracts';
import {
  drawTrace,
  PROMPT_SPANS,
  startApp,
  startPeer,
  startTestPlatform,
  startTraceCollector,
  TestClient,
  until,
  type CollectedSpan,
  type Peer,
  type TestPlatform,
  type TraceCollector,
} from '@agent-platform/testing';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

let collector: TraceCollector;
let peer: Peer;
let platform: TestPlatform;
let agent: TestClient;

beforeAll(async () => {
  [collector, peer] = await Promise.all([startTraceCollector(), startPeer()]);
  platform = await startTestPlatform('separate processes', {
    OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.endpoint}/`,
    ...PROMPT_SPANS,
  });
  agent = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
});
afterAll(async () => {
  await platform?.stop();
  await Promise.all([collector?.stop(), peer?.stop()]);
});

/** A trace that a client has begun. */
const newTrace = (flags = '01') => {
  const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-${flags}` };
};
const spansOf = (traceId: string) => collector.spans().filter((span) => span.traceId === traceId);

/** The spans of a trace, once there is one with each of these names. */
const traceWith = (traceId: string, names: readonly string[]) =>
  until(`spans ${names.join(', ')}`, async () => {
    const spans = spansOf(traceId);
    return names.every((name) => spans.some((span) => span.name === name)) && spans;
  });

async function post<Result>(path: string, body: JsonObject, headers: Record<string, string> = {}): Promise<Result> {
  const answer = await agent.post(path, body, headers);
  if (answer.status >= 400) throw new Error(JSON.stringify(answer.body));
  return answer.body.data as unknown as Result;
}

const create = async (definition: JsonObject) =>
  (await post<Workflow>('/v1/workflows', { name: `w-${randomUUID()}`, definition })).id;

describe('the trace of a run', () => {
  const token = 'a-secret-in-a-query-string';
  const trace = newTrace();
  let spans: readonly CollectedSpan[];
  let run: Run;

  beforeAll(async () => {
    const type = `traced.t${randomUUID()}`;
    await post('/v1/subscriptions', { types: [type], target: { type: 'webhook', url: `${peer.url}/webhook` } });
    await create({ on: { event: type }, steps: [{ id: 'after', type: 'transform', with: { value: 1 } }] });
    const id = await create({
      steps: [
        { id: 'fetch', type: 'http', with: { url: `${peer.url}/fetched`, query: { token } } },
        {
          id: 'keep',
          type: 'data',
          needs: ['fetch'],
          with: { action: 'create', collection: 'traced', document: { status: '${{ steps.fetch.output.status }}' } },
        },
        { id: 'tell', type: 'event', needs: ['keep'], with: { type, data: {} } },
      ],
    });
    const { traceparent } = trace;
    run = await post<Run>(`/v1/workflows/${id}/runs?wait=20`, {}, { traceparent });
    if (run.status !== 'completed') throw new Error(JSON.stringify(run));
    await until('the webhook', async () => peer.requests.some(({ path }) => path === '/webhook'));
    const last = ['POST /v1/workflows/{id}/runs', 'delivery', 'step transform'];
    await traceWith(trace.traceId, last);
    spans = await until('the second run', async () => {
      const found = spansOf(trace.traceId);
      return found.filter(({ name }) => name === 'run').length === 2 && found;
    });
    if (process.env.SHOW_TRACE) process.stdout.write(`${drawTrace(spans)}\n`);
  }, 60_000);

  it('is one tree, from the request of the client to the last step, the run that its event starts and the webhook', () => {
    const known = new Set(spans.map(({ spanId }) => spanId));
    const roots = spans.filter(({ parentSpanId }) => !known.has(parentSpanId));
    expect(roots).toMatchObject([
      { name: 'POST /v1/workflows/{id}/runs', service: 'gateway', parentSpanId: trace.spanId },
    ]);
    const services = new Set(spans.map(({ service }) => service));
    expect(services).toEqual(new Set(['gateway', 'workflow-executor', 'query-engine', 'webhook-receiver', 'auth']));
    expect(spans.filter(({ failed }) => failed)).toEqual([]);
  });

  it.each([
    ['an action over NATS', 'workflow.execute', 'rpc.workflow.execute.v1', 'workflow-executor'],
    ['a step that calls out', 'GET', 'step http', 'workflow-executor'],
    ['a statement of another service that a step has called', 'insert-document', 'data.create', 'query-engine'],
    ['a step of the run', 'step data', 'run', 'workflow-executor'],
    ['the delivery of an event', 'delivery', 'step event', 'webhook-receiver'],
    ['a run that an event starts', 'run', 'step event', 'workflow-executor'],
    ['the request of a webhook', 'POST', 'delivery', 'webhook-receiver'],
  ])('has %s under what has caused it', (_what, name, parentName, service) => {
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    const found = spans.filter((span) => span.name === name && span.service === service);
    expect(found.map(({ parentSpanId }) => byId.get(parentSpanId)?.name)).toContain(parentName);
  });

  it('goes on at the peer that a step calls, and is not told to the one of a webhook in a header', () => {
    const called = peer.requests.find(({ path }) => path.startsWith('/fetched'));
    const [, traceId, parentId] = String(called?.headers.traceparent).split('-');
    expect(traceId).toBe(trace.traceId);
    expect(spans.find(({ spanId }) => spanId === parentId)).toMatchObject({
      name: 'GET',
      service: 'workflow-executor',
    });
    expect(peer.requests.find(({ path }) => path === '/webhook')?.headers.traceparent).toBeUndefined();
  });

  it('has what ties it to the log and the run, and nothing that a user sent', () => {
    expect(spans.find(({ name }) => name === 'run')?.attributes).toMatchObject({ 'run.id': run.id });
    const [request] = spans.filter(({ service }) => service === 'gateway');
    expect(request).toBeDefined();
    expect(collector.text()).toContain('workflow.execute');
    for (const secret of [token, platform.keys.OpenClaw ?? '']) expect(collector.text()).not.toContain(secret);
  });
});

it('records nothing of a request whose client does not record its trace', async () => {
  const [quiet, loud] = [newTrace('00'), newTrace()];
  await agent.get('/v1/workflows', { traceparent: quiet.traceparent });
  await agent.get('/v1/workflows', { traceparent: loud.traceparent });
  await traceWith(loud.traceId, ['GET /v1/workflows', 'workflow.list']);
  expect(spansOf(quiet.traceId)).toEqual([]);
});

it('shows a refusal, a failure of a service and who asked', async () => {
  const [refused, missing] = [newTrace(), newTrace()];
  await new TestClient(platform.gateway, 'no key').get('/v1/me', { traceparent: refused.traceparent });
  await agent.get(`/v1/runs/${randomUUID()}`, { traceparent: missing.traceparent });
  const [span] = await traceWith(refused.traceId, ['GET none']);
  expect(span?.attributes).toMatchObject({ 'http.response.status_code': 401 });
  const spans = await traceWith(missing.traceId, ['GET /v1/runs/{id}', 'run.get']);
  const first = spans.find(({ name }) => name === 'GET /v1/runs/{id}');
  expect(first?.attributes).toMatchObject({ 'action.name': 'run.get', 'http.response.status_code': 404 });
  expect(first?.attributes['agent.id']).toMatch(/^[0-9a-f-]{36}$/);
});

it('shows a step that fails by its code, without what its peer has said', async () => {
  const trace = newTrace();
  const id = await create({ steps: [{ id: 'one', type: 'http', with: { url: `${peer.url}/x`, expectStatus: 418 } }] });
  await post(`/v1/workflows/${id}/runs?wait=20`, {}, { traceparent: trace.traceparent });
  const spans = await traceWith(trace.traceId, ['run', 'step http']);
  const step = spans.find(({ name }) => name === 'step http');
  expect(step).toMatchObject({ failed: true, attributes: { 'error.type': 'step.http.status', 'step.path': 'one' } });
});

describe('with a collector that never answers', () => {
  it('the platform answers as ever, says so once in the log, and stops in time', async () => {
    const stuck = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(stuck, 'listening');
    const endpoint = `http://127.0.0.1:${(stuck.address() as AddressInfo).port}`;
    const other = await startApp('gateway', {
      NATS_URL: platform.separate?.natsUrl('gateway') ?? '',
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      ...PROMPT_SPANS,
    });
    const client = new TestClient(`http://127.0.0.1:${other.port}`, platform.keys.OpenClaw ?? '');
    const warned = () => other.output().split('spans could not be sent').length - 1;
    await until('the warning', async () => {
      expect((await client.get('/v1/me')).status).toBe(200);
      return warned() > 0;
    });
    const startedAt = performance.now();
    expect(await other.stop()).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect(warned()).toBe(1);
    stuck.closeAllConnections();
    stuck.close();
  }, 60_000);
});
