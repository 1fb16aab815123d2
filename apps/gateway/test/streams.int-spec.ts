import { AGENT_CHANGED_SUBJECT, type Run, type RunStep, type WatchRunReply } from '@agent-platform/contracts';
import { loadConfig } from '@agent-platform/config';
import { openSse, startNatsBackend, testEnvironment, until, type SseClient } from '@agent-platform/testing';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { GatewayConfig } from '../src/config';
import { startGateway, type RunningGateway } from '../src/start';
import { FakeServices } from './fake-services';

const RUN_ID = '01938f9e-7c1e-7000-8000-000000000002';
const EVENTS = '/v1/events/stream';

let nats: Awaited<ReturnType<typeof startNatsBackend>>;
let natsUrl: string;
let services: FakeServices;
let gateway: RunningGateway;
const open: SseClient[] = [];

beforeAll(async () => {
  nats = await startNatsBackend(mkdtempSync(join(testEnvironment().folder, 'streams-')), 'accounts {}');
  natsUrl = `nats://${nats.host}:${nats.port}`;
});
beforeEach(async () => {
  services = await FakeServices.start(natsUrl);
  gateway = await start();
});
afterEach(async () => {
  for (const client of open.splice(0)) client.close();
  await gateway.stop();
  await services.bus.close();
});
afterAll(() => nats?.stop());

function start(env: Record<string, string> = {}): Promise<RunningGateway> {
  const lowered = { STREAM_HEARTBEAT_MS: '100', STREAM_STALL_MS: '400', STREAM_GIVE_UP_MS: '1500' };
  return startGateway(
    loadConfig(GatewayConfig, {
      NATS_URL: natsUrl,
      HOST: '127.0.0.1',
      LOG_LEVEL: 'error',
      DRAIN_DELAY_MS: '0',
      ...lowered,
      ...env,
    }),
  );
}

async function stream(key: string, path = EVENTS, options: Parameters<typeof openSse>[2] = {}): Promise<SseClient> {
  const client = await openSse(`http://127.0.0.1:${gateway.port}${path}`, key, options);
  open.push(client);
  return client;
}
const LARGE = 'x'.repeat(60_000);
/** There is always more: 600 kB in each answer. */
const endless: FakeServices['readEvents'] = ({ after }) => {
  const next = Number(after?.slice(1) ?? 0);
  const events = Array.from({ length: 10 }, (_, n) => {
    const cursor = `c${next + n + 1}`;
    return { cursor, storedAt: '', event: JSON.stringify({ type: 'lead.large', LARGE }) };
  });
  return { events, cursor: `c${next + 10}`, more: true };
};
const ended = (client: SseClient) => until('the end of the stream', () => client.endedAt);
/** What `auth` does behind a change. */
const announce = (agentId: string | null) => services.bus.publish(AGENT_CHANGED_SUBJECT, { agentId });
/** How many there were once the sockets were full. */
async function untilNoMorePolls(): Promise<number> {
  let [polls, since] = [services.polls.length, performance.now()];
  return until('no more polls', () => {
    if (services.polls.length > polls) [polls, since] = [services.polls.length, performance.now()];
    return performance.now() - since > 250 && polls;
  });
}
async function openStreams(kind: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${gateway.port}/metrics`)).text();
  return Number(new RegExp(`gateway_open_streams\\{.*kind="${kind}".*\\} (\\d+)`).exec(text)?.[1] ?? 0);
}

describe('a stream of events', () => {
  it('begins now, tells where, and writes each event as it is', async () => {
    services.store('before.now');
    const { key, id } = services.agent(['event_subscribe']);
    const client = await stream(key, EVENTS, { headers: { 'x-request-id': 'request-of-the-stream' } });
    expect(client.status).toBe(200);
    expect(client.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-request-id': 'request-of-the-stream',
      ratelimit: expect.stringContaining('"agent"') as string,
    });
    await until('the beginning', () => client.retryMs !== undefined);
    expect([client.retryMs, client.lastEventId]).toEqual([2000, 'c1']);
    services.store('lead.scored', { points: 14 });
    services.store('lead.lost', { text: 'a\nb' });
    await until('both', () => client.messages.length === 2);
    expect(client.messages).toEqual([
      { id: 'c2', event: 'lead.scored', data: services.log[1]?.event },
      { id: 'c3', event: 'lead.lost', data: services.log[2]?.event },
    ]);
    expect(services.polls[0]).toMatchObject({ agent: { id, seesAll: false }, after: null, waitMs: 0 });
    await until('the audit row', () => services.audit.length > 0);
    expect(services.audit).toMatchObject([{ agentId: id, action: 'event.list', decision: 'allowed', reason: null }]);
  });

  it('passes on what is asked for, and only with the first question since when', async () => {
    const { key } = services.agent(['event_subscribe', 'system_admin']);
    const since = '2026-11-24T00:00:00.000Z';
    await stream(key, `${EVENTS}?type=lead.*&type=order.paid&subject=s&subscription=${RUN_ID}&since=${since}`);
    await until('a second poll', () => services.polls.length > 1);
    const wanted = { types: ['lead.*', 'order.paid'], subject: 's', subscriptionId: RUN_ID };
    expect(services.polls[0]).toMatchObject({ ...wanted, since, agent: { seesAll: true } });
    expect(services.polls[1]).toMatchObject({ ...wanted, after: 'c0' });
    expect(services.polls[1]?.since).toBeUndefined();
  });

  it('goes on after Last-Event-ID, also as a parameter, which the header outranks', async () => {
    for (let n = 1; n <= 5; n++) services.store(`lead.n${n}`);
    const { key } = services.agent(['event_subscribe']);
    const clients = [
      await stream(key, EVENTS, { lastEventId: 'c3' }),
      await stream(key, `${EVENTS}?lastEventId=c3`),
      await stream(key, `${EVENTS}?lastEventId=c1`, { lastEventId: 'c3' }),
    ];
    for (const client of clients) {
      await until('what was missed', () => client.messages.length === 2);
      expect(client.messages.map(({ id }) => id)).toEqual(['c4', 'c5']);
    }
  });

  it('refuses before it begins what cannot be used', async () => {
    const { key } = services.agent(['event_subscribe']);
    const without = services.agent(['data_read']);
    const refused = async (by: string, path: string, options?: Parameters<typeof openSse>[2]) => {
      const client = await stream(by, path, options);
      await ended(client);
      expect(client.headers['content-type']).toBe('application/problem+json');
      return [client.status, client.problem().code];
    };
    expect(await refused(key, EVENTS, { lastEventId: 'nonsense' })).toEqual([422, 'request.invalid']);
    expect(await refused(key, EVENTS, { lastEventId: 'with space' })).toEqual([422, 'request.invalid']);
    expect(await refused(key, `${EVENTS}?type=Not%20A%20Type`)).toEqual([422, 'request.invalid']);
    expect(await refused(key, `${EVENTS}?unknown=1`)).toEqual([422, 'request.invalid']);
    const reader = services.agent(['workflow_read']);
    expect(await refused(reader.key, '/v1/runs/not-an-id/stream')).toEqual([422, 'request.invalid']);
    expect(await refused(without.key, EVENTS)).toEqual([403, 'auth.capability.missing']);
    expect(await refused('mj_agent_x', EVENTS)).toEqual([401, 'auth.credentials.invalid']);
    services.readEvents = () => {
      throw new Error('broken');
    };
    expect(await refused(key, EVENTS)).toEqual([500, 'internal']);
    for (const method of ['HEAD', 'POST', 'DELETE']) {
      const { status, headers } = await fetch(`http://127.0.0.1:${gateway.port}${EVENTS}`, { method });
      expect([status, headers.get('allow')]).toEqual([405, 'GET']);
    }
    expect(await openStreams('events')).toBe(0);
  });

  it('says that it lives, and where it has come to', async () => {
    const { key } = services.agent(['event_subscribe']);
    const client = await stream(key);
    // Looked through without a match: the place moves on without a message.
    services.readEvents = ({ after, waitMs }) =>
      after === 'c0'
        ? { events: [], cursor: 'c7', more: false }
        : new Promise((resolve) =>
            setTimeout(() => resolve({ events: [], cursor: 'c7', more: false }), waitMs).unref(),
          );
    await until('heartbeats', () => client.comments.filter((text) => text === 'still here').length > 2, 10_000);
    await until('the place', () => client.lastEventId === 'c7', 10_000);
    expect(client.messages).toEqual([]);
  });

  it('loses and repeats nothing when polls fail for a while, and ends when they do for long', async () => {
    const { key } = services.agent(['event_subscribe']);
    const client = await stream(key);
    const reading = services.readEvents;
    let failing = 0;
    services.store('lead.one');
    await until('the first', () => client.messages.length === 1);
    services.readEvents = () => {
      failing++;
      throw new Error('restarting');
    };
    services.store('lead.two');
    await until('failures', () => failing > 2);
    expect(client.endedAt).toBeUndefined();
    services.readEvents = reading;
    services.store('lead.three');
    await until('the rest', () => client.messages.length === 3);
    expect(client.messages.map(({ id }) => id)).toEqual(['c1', 'c2', 'c3']);
    services.readEvents = () => {
      throw new Error('gone');
    };
    services.store('lead.four');
    await ended(client);
    expect(client.comments.at(-1)).toBe('a service cannot be reached');
  });

  it('ends with the sentence of the refusal when what it reads is gone', async () => {
    const { key } = services.agent(['event_subscribe']);
    const client = await stream(key);
    const refused = { code: 'event.subscription.not-found' as const, detail: 'There is no subscription of yours.' };
    services.readEvents = () => ({ events: [], cursor: '', more: false, refused });
    services.store('lead.one');
    await ended(client);
    expect(client.comments.at(-1)).toBe('There is no subscription of yours.');
  });
});

describe('back-pressure', () => {
  it('asks for no more than the reader takes, closes one that takes nothing, and lets it go on', async () => {
    const { key } = services.agent(['event_subscribe']);
    services.readEvents = endless;
    const client = await stream(key);
    await until('the first', () => client.messages.length > 0);
    client.pause();
    const polls = await untilNoMorePolls();
    // What the buffers of two sockets take is all: some megabytes, where a poll finds 600 kB.
    expect(polls).toBeLessThan(60);
    await until('its end', async () => (await openStreams('events')) === 0, 5000);
    client.resume();
    await ended(client);
    expect(client.messages.map(({ id }) => id)).toEqual(client.messages.map((_message, at) => `c${at + 1}`));
    const { lastEventId } = client;
    const again = await stream(key, EVENTS, { lastEventId });
    await until('the next', () => again.messages.length > 0);
    expect(again.messages[0]?.id).toBe(`c${Number(lastEventId.slice(1)) + 1}`);
  });

  it('asks nothing for a client that has gone', async () => {
    const { key } = services.agent(['event_subscribe']);
    const client = await stream(key);
    await until('a poll that waits', () => services.polls.at(-1)?.waitMs !== 0);
    client.close();
    await until('its end', async () => (await openStreams('events')) === 0);
    const polls = services.polls.length;
    services.store('lead.one');
    services.store('lead.two');
    await services.bus.flush();
    expect(services.polls.length).toBe(polls);
  });
});

describe('who may read it', () => {
  it('nothing is written from an announced change on until it is known that the agent may still see it', async () => {
    const { key, id } = services.agent(['event_subscribe']);
    const client = await stream(key);
    services.store('lead.one');
    await until('the first', () => client.messages.length === 1);
    let release = () => {};
    services.verifying = new Promise<void>((resolve) => (release = resolve));
    announce(id);
    services.store('lead.two');
    await until('the next poll', () => services.polls.at(-1)?.after === 'c1');
    const beats = client.comments.length;
    await until('heartbeats', () => client.comments.length > beats + 3);
    expect(client.messages).toHaveLength(1);
    release();
    await until('the second', () => client.messages.length === 2);
    services.verifying = new Promise<void>((resolve) => (release = resolve));
    announce(null);
    services.store('lead.three');
    services.say(key, { refused: 'revoked', keyId: 'key', agentId: id });
    release();
    await ended(client);
    expect(client.messages).toHaveLength(2);
    await until('the audit row', () => services.audit.some(({ decision }) => decision === 'refused'));
    expect(services.audit.at(-1)).toMatchObject({
      agentId: id,
      action: 'event.list',
      decision: 'refused',
      reason: 'auth.credentials.invalid (revoked)',
    });
  });

  it('ends when the capability is lost, and goes on when another one is', async () => {
    const { key, id } = services.agent(['event_subscribe', 'data_read']);
    const known = services.identityOf(key);
    const client = await stream(key);
    const lose = (capabilities: typeof known.agent.capabilities) => {
      services.say(key, { ...known, agent: { ...known.agent, capabilities } });
      announce(id);
    };
    lose(['event_subscribe']);
    services.store('lead.one');
    await until('an event', () => client.messages.length === 1);
    lose(['data_read']);
    await ended(client);
    expect(client.comments.at(-1)).toContain('event_subscribe');
  });

  it('throws away what was found as system_admin for one that is none any more', async () => {
    const { key, id } = services.agent(['event_subscribe', 'system_admin']);
    const known = services.identityOf(key);
    let release = () => {};
    const late = new Promise<void>((resolve) => (release = resolve));
    services.readEvents = async ({ agent, after }) => {
      if (after === null) return { events: [], cursor: 'c0', more: false };
      if (after !== 'c0') return new Promise(() => {});
      if (agent?.seesAll) await late;
      const event = JSON.stringify({ type: agent?.seesAll ? 'of.everyone' : 'of.mine' });
      return { events: [{ cursor: 'c1', storedAt: '', event }], cursor: 'c1', more: false };
    };
    const client = await stream(key);
    await until('a poll that waits', () => services.polls.at(-1)?.after === 'c0');
    const before = services.verified;
    services.say(key, { ...known, agent: { ...known.agent, capabilities: ['event_subscribe'] } });
    announce(id);
    await until('the question who it is', () => services.verified > before);
    release();
    await until('an event', () => client.messages.length > 0);
    expect(client.messages.map(({ event }) => event)).toEqual(['of.mine']);
  });

  it('ends at the expiry of its key', async () => {
    const { key, id } = services.agent(['event_subscribe'], Date.now() + 1000);
    const client = await stream(key);
    const endedAt = await ended(client);
    const late = Date.now() - (performance.now() - endedAt) - services.identityOf(key).expiresAtMs;
    expect(late).toBeGreaterThan(-50);
    expect(late).toBeLessThan(1000);
    await until('the audit row', () => services.audit.some(({ decision }) => decision === 'refused'));
    expect(services.audit.at(-1)).toMatchObject({ agentId: id, reason: 'auth.credentials.invalid (expired)' });
  });

  it('ends when it cannot be told whether it may go on', async () => {
    const { key, id } = services.agent(['event_subscribe']);
    const client = await stream(key);
    services.verifying = new Promise(() => {});
    const changedAt = performance.now();
    announce(id);
    expect((await ended(client)) - changedAt).toBeLessThan(4500);
  });

  it('an agent has as many as it may, and one more when one is closed', async () => {
    await gateway.stop();
    gateway = await start({ MAX_STREAMS_PER_AGENT: '2', MAX_STREAMS: '3' });
    const { key } = services.agent(['event_subscribe']);
    const first = await stream(key);
    await stream(key);
    const refused = await stream(key);
    await ended(refused);
    expect([refused.status, refused.problem().code]).toEqual([429, 'event.streams.too-many']);
    expect(refused.headers['retry-after']).toBe('5');
    first.close();
    await until('room', async () => (await openStreams('events')) === 1);
    expect((await stream(key)).status).toBe(200);
    const other = services.agent(['event_subscribe']);
    expect((await stream(other.key)).status).toBe(200);
    const overall = await stream(other.key);
    expect(overall.status).toBe(503);
  });
});

describe('a stream of a run', () => {
  const run = (status: Run['status']) =>
    ({ id: RUN_ID, status, endedAt: status === 'completed' ? '2026-11-24T00:00:00.000Z' : null }) as unknown as Run;
  const step = (id: string, status: RunStep['status']) => ({ id, path: id, status }) as unknown as RunStep;
  /** By the version that comes before. */
  let states: Record<string, WatchRunReply>;
  beforeEach(() => {
    states = {
      null: {
        run: run('running'),
        steps: [step('a', 'completed'), step('b', 'running')],
        version: 'v1',
        changed: true,
      },
      v1: { run: run('running'), steps: [step('b', 'completed')], version: 'v2', changed: true },
      v2: { run: run('completed'), steps: [], version: 'v3', changed: true },
    };
    services.watchRun = ({ runId, after }) => {
      const none = { run: null, steps: [], version: '', changed: false };
      return runId === RUN_ID ? (states[after ?? 'null'] ?? none) : none;
    };
  });

  it('writes the whole state, then what changes, then the end', async () => {
    const { key, id } = services.agent(['workflow_read']);
    const client = await stream(key, `/v1/runs/${RUN_ID}/stream`);
    await ended(client);
    const brief = client.messages.map(({ event, id: version, data }) => {
      const { id: of, status } = JSON.parse(data) as { id: string; status: string };
      return [event, of, status, version];
    });
    expect(brief).toEqual([
      ['run', RUN_ID, 'running', undefined],
      ['step', 'a', 'completed', undefined],
      ['step', 'b', 'running', 'v1'],
      ['step', 'b', 'completed', 'v2'],
      ['run', RUN_ID, 'completed', undefined],
      ['end', RUN_ID, 'completed', 'v3'],
    ]);
    await until('the audit row', () => services.audit.length > 0);
    expect(services.audit).toMatchObject([{ agentId: id, action: 'run.get', targetId: RUN_ID, decision: 'allowed' }]);
  });

  it('goes on after a version', async () => {
    const { key } = services.agent(['workflow_read']);
    const client = await stream(key, `/v1/runs/${RUN_ID}/stream`, { lastEventId: 'v2' });
    await ended(client);
    expect(client.messages.map(({ event }) => event)).toEqual(['run', 'end']);
  });

  it('refuses a run that is not there, and a version that cannot be used', async () => {
    const { key } = services.agent(['workflow_read']);
    const refused = { code: 'request.invalid' as const, detail: 'This is no version.' };
    states.nonsense = { run: null, steps: [], version: '', changed: false, refused };
    const unusable = await stream(key, `/v1/runs/${RUN_ID}/stream`, { lastEventId: 'nonsense' });
    await ended(unusable);
    expect([unusable.status, unusable.problem().code]).toEqual([422, 'request.invalid']);
    const client = await stream(key, `/v1/runs/${RUN_ID.replace(/2$/, '3')}/stream`);
    await ended(client);
    expect([client.status, client.problem().code]).toEqual([404, 'run.not-found']);
  });
});

it('ends all streams at once when the gateway stops, also of one that does not read', async () => {
  await gateway.stop();
  gateway = await start({ STREAM_STALL_MS: '60000' });
  const { key } = services.agent(['event_subscribe']);
  const client = await stream(key);
  const other = services.agent(['event_subscribe']);
  const { readEvents } = services;
  services.readEvents = (request) => (request.agent?.id === other.id ? endless(request) : readEvents(request));
  const deaf = await stream(other.key);
  deaf.pause();
  await untilNoMorePolls();
  const stoppedAt = performance.now();
  await gateway.stop();
  expect(performance.now() - stoppedAt).toBeLessThan(2000);
  expect((await ended(client)) - stoppedAt).toBeLessThan(500);
  expect(client.comments.at(-1)).toContain('stopping');
});
