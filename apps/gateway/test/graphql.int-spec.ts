import { AGENT_CHANGED_SUBJECT, batchSubjectOf, type BatchRequest, type Capability } from '@agent-platform/contracts';
import { loadConfig } from '@agent-platform/config';
import { header } from '@agent-platform/messaging';
import { graphql, startNatsBackend, testEnvironment, until, type GraphQLAnswer } from '@agent-platform/testing';
import type { Msg } from 'nats';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { GatewayConfig } from '../src/config';
import { startGateway, type RunningGateway } from '../src/start';
import { FakeServices } from './fake-services';

let nats: Awaited<ReturnType<typeof startNatsBackend>>;
let services: FakeServices;
let gateway: RunningGateway;
let key: string;
/** Requests to services, as `subject` or `subject ×calls`. */
let asked: string[];
/** What runs have put out, and workflows are. */
let output: unknown;
let definition: unknown;
/** What comes with each run of a batch, beside what is asked for. */
let filler: string;
/** How many runs a list has. */
let runs: number;
/** How many calls of a batch are answered at a time. */
let fit: number;
/** Happens while an event is emitted. */
let whenEmitted: (() => Promise<void>) | undefined;

const RUNS = 20;
const runOf = (id: string) => ({
  id,
  workflowId: 'w',
  workflowVersion: 1,
  agentId: `agent of ${id}`,
  trigger: { type: 'manual' },
  status: 'completed',
  input: {},
  output,
  metadata: {},
  createdAt: '2026-11-25T00:00:00.000Z',
});

beforeAll(async () => {
  nats = await startNatsBackend(mkdtempSync(join(testEnvironment().folder, 'graphql-')), 'accounts {}');
  const natsUrl = `nats://${nats.host}:${nats.port}`;
  services = await FakeServices.start(natsUrl);
  gateway = await startGateway(
    loadConfig(GatewayConfig, { NATS_URL: natsUrl, HOST: '127.0.0.1', LOG_LEVEL: 'error', DRAIN_DELAY_MS: '0' }),
  );
  key = services.agent(['workflow_read', 'workflow_execute', 'event_publish'] satisfies Capability[]).key;
  const answer = (subject: string, body: (params: Record<string, string>) => object) =>
    services.bus.subscribe(subject, (message) => {
      asked.push(subject);
      message.respond(JSON.stringify(body(message.json())), { headers: header('Status', '200') });
    });
  answer('rpc.run.list.v1', () => ({
    data: Array.from({ length: runs }, (_, n) => runOf(`r${n}`)),
    page: { nextCursor: null },
  }));
  answer('rpc.run.get.v1', ({ id = '' }) => ({ data: { ...runOf(id), steps: [] } }));
  const emitted = async (message: Msg) => {
    asked.push(message.headers?.get('Call-Context') ?? '');
    await whenEmitted?.();
    message.respond(JSON.stringify({ data: { id: 'e' } }), { headers: header('Status', '202') });
  };
  services.bus.subscribe('rpc.event.emit.v1', (message) => void emitted(message));
  services.bus.subscribe(batchSubjectOf('workflow-executor'), (message) => {
    const { calls } = message.json<BatchRequest>();
    asked.push(`${message.subject} ×${calls.length}`);
    const answers = calls.map(({ action, params }, index) => {
      const id = params.id as string;
      if (index >= fit) return null;
      const data =
        action === 'run.get' ? { ...runOf(id), steps: [], filler } : { id, agentId: 'a', name: id, definition };
      return { status: 200, body: { data } };
    });
    message.respond(JSON.stringify({ answers }));
  });
  await services.bus.flush();
});
beforeEach(() => {
  [asked, output, definition, filler, runs, fit, whenEmitted] = [[], {}, {}, '', RUNS, 1000, undefined];
});
afterAll(async () => {
  await gateway?.stop();
  await services?.bus.close();
  await nats?.stop();
});

const ask = (query: string, variables: object = {}, headers: Record<string, string> = {}) =>
  graphql(`http://127.0.0.1:${gateway.port}`, key, query, variables, headers);
const codes = ({ body }: GraphQLAnswer) => [...new Set(body.errors?.map(({ extensions }) => extensions?.code))];

describe('what a document asks of the services', () => {
  it('is one request for a level, and the same thing once', async () => {
    const { body } = await ask('{ runList { nodes { id steps { id } workflow { name } } } }');
    expect(body.errors).toBeUndefined();
    expect(asked).toEqual(['rpc.run.list.v1', `rpc.internal.workflow-executor.batch.v1 ×${RUNS + 1}`]);
  });

  it('is asked for again where it did not fit the message', async () => {
    fit = 8;
    const { body } = await ask('{ runList { nodes { id steps { id } } } }');
    expect(body.errors).toBeUndefined();
    const batch = 'rpc.internal.workflow-executor.batch.v1';
    expect(asked).toEqual(['rpc.run.list.v1', `${batch} ×20`, `${batch} ×12`, `${batch} ×4`]);
  });

  it('is nothing that the whole answer has left out', async () => {
    const { body } = await ask('{ runGet(id: "r") { id steps { id } stepsLeftOut } }');
    expect([body.errors, asked]).toEqual([undefined, ['rpc.run.get.v1']]);
  });

  it('takes no arguments beyond what two hundred of which fit a message', async () => {
    const query =
      'query ($s: String) { runList { nodes { workflow { runs(after: $s, first: 2) { nodes { id } } } } } }';
    expect(codes(await ask(query, { s: 'x'.repeat(5000) }))).toEqual(['request.invalid']);
  });
});

describe('what is refused of a level', () => {
  it('is refused once, however many fields want it', async () => {
    const requestId = 'request-of-the-level';
    const answer = await ask('{ runList { nodes { agent { name } } } }', {}, { 'x-request-id': requestId });
    expect([codes(answer), answer.body.errors?.length]).toEqual([['auth.capability.missing'], RUNS]);
    const entries = () =>
      services.audit
        .filter((entry) => entry.requestId === requestId)
        .map(({ action, decision }) => `${action} ${decision}`);
    await until('the entry of the list', () => entries().includes('run.list allowed'));
    expect(entries().sort()).toEqual(['agent.get refused', 'run.list allowed']);
  });
});

describe('an answer of JSON that comes up many times', () => {
  it('ends before it takes all memory', async () => {
    output = 'x'.repeat(1024 * 1024);
    const aliases = Array.from({ length: 30 }, (_, n) => `a${n}: output`).join(' ');
    const answer = await ask(`{ runGet(id: "r") { ${aliases} } }`);
    expect(codes(answer)).toEqual(['action.answer.too-large']);
    const { runGet } = answer.body.data as unknown as { runGet: Record<string, string | null> };
    expect(Object.values(runGet).filter((value) => value !== null)).toHaveLength(15);
    expect(answer.body.errors).toHaveLength(15);
  });

  it('has so many fields of things in lists, however they are asked for', async () => {
    runs = 200;
    const fields = Array.from({ length: 17 }, () => 'id').join(' ');
    const lists = Array.from({ length: 28 }, (_, n) => `n${n}: nodes { ...F }`).join(' ');
    const answer = await ask(`{ a: runList(first: 80) { ${lists} } } fragment F on Run { ${fields} steps { id } }`);
    expect([codes(answer), answer.body.data]).toEqual([['action.answer.too-large'], { a: null }]);
  });

  it('holds no more of what services answer than it could show', async () => {
    [filler, fit] = ['x'.repeat(3 * 1024 * 1024), 1];
    const answer = await ask('{ runList { nodes { steps { id } } } }');
    expect(codes(answer)).toEqual(['action.answer.too-large']);
    // The list, and as many as came to 16 MiB.
    expect(asked).toHaveLength(1 + 6);
  });

  it('counts what is read once and shown for each of many', async () => {
    definition = { big: 'x'.repeat(1024 * 1024) };
    const answer = await ask('{ runList { nodes { workflow { definition } } } }');
    expect(codes(answer)).toEqual(['action.answer.too-large']);
  });
});

describe('who asks', () => {
  const changes = `mutation { ${['a', 'b', 'c', 'd'].map((alias) => `${alias}: eventEmit(type: "a.b", data: {}) { id }`).join(' ')} }`;

  it.each([
    ['whose key is revoked', 'auth.credentials.invalid'],
    ['that loses what it may do', 'auth.capability.missing'],
  ])('is looked at before each change: an agent %s makes no further one', async (_name, code) => {
    const agent = services.agent(['event_publish']);
    const known = services.identityOf(agent.key);
    whenEmitted = async () => {
      services.say(
        agent.key,
        code === 'auth.capability.missing'
          ? { ...known, agent: { ...known.agent, capabilities: [] } }
          : { refused: 'revoked', keyId: known.keyId, agentId: agent.id },
      );
      services.bus.publish(AGENT_CHANGED_SUBJECT, { agentId: agent.id });
      await services.bus.flush();
      // What follows comes over another connection: the gateway has heard of the change by then.
      await new Promise((resolve) => setImmediate(resolve));
    };
    const answer = await graphql(`http://127.0.0.1:${gateway.port}`, agent.key, changes);
    expect(asked).toHaveLength(1);
    expect(codes(answer)).toEqual([code]);
    expect(answer.body.errors).toHaveLength(3);
  });
});

describe('what the audit log is told', () => {
  it('names no more of a target than it keeps, so that its entries go through', async () => {
    const requestId = 'request-of-long-names';
    const many = Array.from({ length: 20 }, (_, n) => `a${n}: runGet(id: $id) { id }`).join(' ');
    await ask(`query ($id: ID!) { ${many} }`, { id: 'x'.repeat(900_000) }, { 'x-request-id': requestId });
    const entries = () => services.audit.filter((entry) => entry.requestId === requestId);
    await until('all of them', () => entries().length === 20);
    expect(new Set(entries().map(({ targetId }) => targetId?.length))).toEqual(new Set([256]));
  });
});

describe('a document', () => {
  it('has its mistakes told with their places, and failures of fields without', async () => {
    const invalid = await ask('{\n  runLost { id }\n}');
    expect(invalid.body.errors).toMatchObject([{ locations: [{ line: 2, column: 3 }] }]);
    // Finding the place of each of many failures would take as long as the document is, for each.
    const { body } = await ask('{ runList { nodes { agent { name } } } }');
    expect(body.errors).toHaveLength(RUNS);
    expect(body.errors?.[0]).not.toHaveProperty('locations');
  });

  it('has one fragment of a name, as each is weighed by it', async () => {
    const answer = await ask('{ ...F } fragment F on Query { nothing } fragment F on Query { meGet { name } }');
    expect(codes(answer)).toEqual(['graphql.document.invalid']);
    expect(answer.body.errors?.map(({ message }) => message)).toEqual(['There can be only one fragment named "F".']);
  });

  it.each([
    'subscription { events @skip(if: true) { cursor } }',
    'subscription { ... { events @include(if: false) { cursor } } }',
    'subscription { ...F } fragment F on Subscription { events @skip(if: true) { cursor } }',
  ])('subscribes to something: %s is refused', async (document) => {
    const answer = await ask(document, {}, { accept: 'text/event-stream' });
    expect(codes(answer)).toEqual(['graphql.document.invalid']);
  });
});

describe('the idempotency key of one of several changes', () => {
  const emit = 'eventEmit(type: "a.b", data: {}) { id }';
  const keysSent = () => asked.map((context) => (JSON.parse(context) as { idempotencyKey?: string }).idempotencyKey);

  it('is that of the request with the name of the field, in a fragment too', async () => {
    await ask(
      `mutation { ...Both } fragment Both on Mutation { one: ${emit} two: ${emit} }`,
      {},
      { 'idempotency-key': 'k' },
    );
    expect(keysSent()).toEqual(['k:one', 'k:two']);
  });

  it('is that of the request where there is one only', async () => {
    await ask(`mutation { ... { only: ${emit} } }`, {}, { 'idempotency-key': 'k' });
    expect(keysSent()).toEqual(['k']);
  });

  it('is refused where it becomes too long', async () => {
    const answer = await ask(`mutation { one: ${emit} two: ${emit} }`, {}, { 'idempotency-key': 'k'.repeat(255) });
    expect([codes(answer), asked]).toEqual([['request.invalid'], []]);
  });
});
