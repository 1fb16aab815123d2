import type { CloudEvent, Delivery, NewSubscription, Subscription } from '@agent-platform/contracts';
import {
  createTestAgent,
  everythingWritten,
  startTestPlatform,
  startWebhookEndpoint,
  TestClient,
  until,
  whereFound,
  type Answer,
  type TestPlatform,
  type WebhookEndpoint,
} from '@agent-platform/testing';
import { Webhook } from 'standardwebhooks';

let platform: TestPlatform;
let admin: TestClient;
let agent: TestClient;
let endpoints: WebhookEndpoint[];

beforeAll(async () => {
  platform = await startTestPlatform('one process');
  admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
});
afterAll(() => platform?.stop());
beforeEach(async () => {
  agent = await newAgent();
  endpoints = [];
});
afterEach(async () => {
  await Promise.all(endpoints.map((endpoint) => endpoint.stop()));
});

async function newAgent(skills = ['event_publish', 'event_subscribe']): Promise<TestClient> {
  const { key } = await createTestAgent(admin, { skills: skills as never });
  return new TestClient(platform.gateway, key);
}

async function endpoint(...args: Parameters<typeof startWebhookEndpoint>): Promise<WebhookEndpoint> {
  const started = await startWebhookEndpoint(...args);
  endpoints.push(started);
  return started;
}

async function subscribe(url: string, more: object = {}, client = agent): Promise<NewSubscription> {
  const answer = await client.post('/v1/subscriptions', {
    types: ['lead.*'],
    target: { type: 'webhook', url },
    ...more,
  });
  expect(answer).toMatchObject({ status: 201 });
  return answer.body.data as unknown as NewSubscription;
}

async function emit(type: string, data: object = {}, subject?: string, client = agent): Promise<string> {
  const answer = await client.post('/v1/events', { type, data, subject });
  expect(answer.status).toBe(202);
  return (answer.body.data as unknown as { id: string }).id;
}

async function subscriptionOf(id: string, query = ''): Promise<Subscription> {
  const answer = await agent.get(`/v1/me/subscriptions?id=${id}${query}`);
  const [found] = answer.body.data as unknown as Subscription[];
  if (!found) throw new Error(JSON.stringify(answer.body));
  return found;
}

async function deliveriesOf(id: string, status = 'any'): Promise<readonly Delivery[]> {
  return (await subscriptionOf(id, `&deliveries=${status}`)).deliveries ?? [];
}

const pathsOf = ({ body }: Answer) => (body.errors ?? []).map(({ path }) => path);

describe('a webhook', () => {
  it('arrives signed as the library of Standard Webhooks wants it', async () => {
    const { url, received } = await endpoint();
    const { secret } = await subscribe(url);
    const id = await emit('lead.scored', { lead: 'lead-7', points: 14 }, 'lead-7');
    const webhook = await until('the webhook', () => received[0]);
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const verified = new Webhook(secret ?? '').verify(
      webhook.body,
      webhook.headers as Record<string, string>,
    ) as CloudEvent;
    expect(verified).toMatchObject({
      specversion: '1.0',
      id,
      type: 'lead.scored',
      subject: 'lead-7',
      datacontenttype: 'application/json',
      data: { lead: 'lead-7', points: 14 },
    });
    expect(webhook.headers).toMatchObject({ 'webhook-id': id, 'content-type': 'application/json' });
    expect(() =>
      new Webhook(secret ?? '').verify(webhook.body.replace('14', '15'), webhook.headers as Record<string, string>),
    ).toThrow();
  });

  it('comes for the types and the filter that were asked for, and for no others', async () => {
    const { url, received } = await endpoint();
    await subscribe(url, { types: ['lead.*', 'deal.won'], filter: 'data.points > 10 && event.subject == "a"' });
    await emit('lead.scored', { points: 10 }, 'a');
    await emit('lead.scored', { points: 11 }, 'b');
    await emit('lead.scored', {}, 'a');
    await emit('leads.scored', { points: 11 }, 'a');
    await emit('deal.won.late', { points: 11 }, 'a');
    await emit('lead.scored.twice', { points: 11 }, 'a');
    await emit('deal.won', { points: 12 }, 'a');
    await until('two webhooks', () => received.length >= 2);
    await emit('lead.last', { points: 99 }, 'a');
    await until('the last', () => received.some(({ event }) => event.type === 'lead.last'));
    expect(received.map(({ event }) => event.type).sort()).toEqual(['deal.won', 'lead.last', 'lead.scored.twice']);
  });

  it("comes to a system_admin for everyone's events, to others for their own", async () => {
    const [own, all] = [await endpoint(), await endpoint()];
    const other = await newAgent();
    const { id } = await subscribe(own.url, { types: ['*'] });
    await subscribe(all.url, { types: ['*'] }, admin);
    const ids = [await emit('lead.a'), await emit('lead.b', {}, undefined, other), await emit('lead.c')];
    await until('all three', () => ids.every((id) => all.ids().has(id)));
    await until('both', () => own.received.length >= 2);
    expect(own.ids()).toEqual(new Set([ids[0], ids[2]]));
    // There is not even a dead letter of what belongs to others.
    expect((await deliveriesOf(id)).map(({ eventId }) => eventId).sort()).toEqual([ids[0], ids[2]].sort());
  });

  it("does not come with others' events to an agent that has lost system_admin", async () => {
    const { url, ids } = await endpoint();
    const { id: watcherId, key } = await createTestAgent(admin, {
      skills: ['event_publish', 'event_subscribe', 'system_admin'],
    });
    const watcher = new TestClient(platform.gateway, key);
    const { id } = await subscribe(url, {}, watcher);
    const seen = await emit('lead.seen');
    await until('the event of another', () => ids().has(seen));
    await admin.action('agent.set_skills', { id: watcherId, skills: ['event_publish', 'event_subscribe'] });
    const unseen = await emit('lead.unseen');
    const own = await emit('lead.own', {}, undefined, watcher);
    await until('its own event', () => ids().has(own));
    const [dead] = await until('the dead letter', async () => {
      const { body } = await watcher.get(`/v1/me/subscriptions?id=${id}&deliveries=dead`);
      const [found] = body.data as unknown as Subscription[];
      return (found?.deliveries?.length ?? 0) > 0 && found?.deliveries;
    });
    expect(dead).toMatchObject({ eventId: unseen, attempts: [{ error: 'event.delivery.not-allowed' }] });
    expect(ids()).toEqual(new Set([seen, own]));
  });

  it('is not sent to an agent that may not subscribe any more, but is a dead letter', async () => {
    const { url, received } = await endpoint();
    const { id: agentId, key } = await createTestAgent(admin, { skills: ['event_publish', 'event_subscribe'] });
    const client = new TestClient(platform.gateway, key);
    const { id } = await subscribe(url, {}, client);
    await admin.action('agent.set_skills', { id: agentId, skills: ['event_publish'] });
    await emit('lead.scored', {}, undefined, client);
    const [delivery] = await until('a dead letter', async () => {
      const { body } = await client.get(`/v1/me/subscriptions?id=${id}&deliveries=dead`);
      const [found] = body.data as unknown as Subscription[];
      return (found?.deliveries?.length ?? 0) > 0 && found?.deliveries;
    });
    expect(delivery?.attempts).toMatchObject([{ status: null, error: 'auth.capability.missing' }]);
    expect(received).toEqual([]);
  });
});

describe('secrets', () => {
  it('sign together while a rotation lasts, and the new one is shown this once', async () => {
    const { url, received } = await endpoint();
    const { id, secret: old } = await subscribe(url);
    const rotated = await agent.post('/v1/subscriptions', { id, rotateSecret: true });
    const { secret } = rotated.body.data as unknown as NewSubscription;
    expect(secret).not.toBe(old);
    await emit('lead.scored');
    const webhook = await until('the webhook', () => received[0]);
    for (const each of [old, secret]) {
      expect(new Webhook(each ?? '').verify(webhook.body, webhook.headers as Record<string, string>)).toBeDefined();
    }
    await agent.post('/v1/subscriptions', { id, rotateSecret: true, secretGraceSeconds: 0 });
    await emit('lead.again');
    const next = await until('the next', () => received[1]);
    expect(() => new Webhook(secret ?? '').verify(next.body, next.headers as Record<string, string>)).toThrow();
    expect(await subscriptionOf(id)).not.toHaveProperty('secret');
  });

  it('are nowhere in clear, and neither are the values of headers, which an endpoint may give back', async () => {
    const token = 'a-token-that-nobody-else-sees';
    const { url, received } = await endpoint(({ headers }, response) =>
      response.writeHead(500).end(`you sent ${headers.authorization}`),
    );
    const target = { type: 'webhook', url, headers: { Authorization: `Bearer ${token}` } };
    const { id, secret } = await subscribe(url, { target, retry: { schedule: [] } });
    await emit('lead.scored');
    const webhook = await until('the webhook', () => received[0]);
    expect(webhook.headers.authorization).toBe(`Bearer ${token}`);
    const [delivery] = await until('the dead letter', async () => {
      const found = await deliveriesOf(id, 'dead');
      return found.length > 0 && found;
    });
    expect(delivery?.attempts).toMatchObject([{ status: 500, response: 'you sent [removed]' }]);
    expect((await subscriptionOf(id)).target).toEqual({ type: 'webhook', url, headers: ['authorization'] });
    const key = Buffer.from((secret ?? '').slice('whsec_'.length), 'base64').toString('latin1');
    expect(whereFound([token, secret ?? '', key], await everythingWritten(platform))).toEqual([]);
  });

  it('are given again for a repeated request under its idempotency key', async () => {
    const { url } = await endpoint();
    const body = { types: ['lead.*'], target: { type: 'webhook', url } };
    const key = { 'Idempotency-Key': `subscribe-${Date.now()}` };
    const [first, second] = [
      await agent.post('/v1/subscriptions', body, key),
      await agent.post('/v1/subscriptions', body, key),
    ];
    expect(second.body).toEqual(first.body);
  });
});

describe('a delivery that fails', () => {
  it('is made again as the subscription says, with every attempt recorded, and then a dead letter that can be sent again', async () => {
    let isUp = false;
    const { url, received } = await endpoint((_webhook, response) =>
      isUp ? response.writeHead(200).end('thanks') : response.writeHead(503).end('x'.repeat(3000)),
    );
    const { id } = await subscribe(url, { retry: { schedule: ['100ms', '200ms'] } });
    const eventId = await emit('lead.scored');
    const [dead] = await until('the dead letter', async () => {
      const found = await deliveriesOf(id, 'dead');
      return found.length > 0 && found;
    });
    expect(dead).toMatchObject({ eventId, status: 'dead', nextAttemptAt: null });
    expect(dead?.attempts.map(({ attempt, status, error }) => [attempt, status, error])).toEqual(
      [1, 2, 3].map((attempt) => [attempt, 503, 'event.delivery.status']),
    );
    expect(dead?.attempts[0]?.response).toBe('x'.repeat(1024));
    expect(await subscriptionOf(id)).toMatchObject({ dead: 1, failingSince: expect.any(String) as string });

    isUp = true;
    const redelivered = await agent.post(`/v1/deliveries/${dead?.id}/redeliver`, {});
    expect(redelivered).toMatchObject({
      status: 202,
      body: { data: { subscriptionId: id, deliveryId: dead?.id, count: 1 } },
    });
    await until('the delivery', async () => (await deliveriesOf(id, 'delivered')).length === 1);
    expect(received.map(({ headers }) => headers['webhook-id'])).toEqual(Array(4).fill(eventId));
    expect(await subscriptionOf(id)).toMatchObject({ dead: 0, failingSince: null });
  });

  it('is sent again with all of its subscription since a time', async () => {
    let isUp = false;
    const { url, ids } = await endpoint((_webhook, response) => response.writeHead(isUp ? 204 : 500).end());
    const { id } = await subscribe(url, { retry: { schedule: [] } });
    const before = await emit('lead.before');
    await until('the first dead letter', async () => (await deliveriesOf(id, 'dead')).length === 1);
    const since = new Date().toISOString();
    const after = [await emit('lead.after'), await emit('lead.after')];
    await until('three dead letters', async () => (await deliveriesOf(id, 'dead')).length === 3);
    isUp = true;
    const answer = await agent.post(`/v1/deliveries/${id}/redeliver`, { since });
    expect(answer.body.data).toEqual({ subscriptionId: id, deliveryId: null, count: 2 });
    await until('both', async () => (await deliveriesOf(id, 'delivered')).length === 2);
    expect((await deliveriesOf(id, 'dead')).map(({ eventId }) => eventId)).toEqual([before]);
    expect([...ids()].sort()).toEqual([before, ...after].sort());
  });

  it('waits as long as Retry-After says', async () => {
    let answered = 0;
    const { url, received } = await endpoint((_webhook, response) =>
      answered++ === 0 ? response.writeHead(429, { 'Retry-After': '2' }).end() : response.writeHead(204).end(),
    );
    const { id } = await subscribe(url, { retry: { schedule: ['10ms'] } });
    await emit('lead.scored');
    await until('the second attempt', () => received.length === 2);
    expect((received[1]?.atMs ?? 0) - (received[0]?.atMs ?? 0)).toBeGreaterThanOrEqual(2000);
    await until('the delivery', async () => (await deliveriesOf(id, 'delivered')).length === 1);
  });

  it('is not sent where the endpoint redirects, as the body was meant for the address that was named', async () => {
    const other = await endpoint();
    const { url } = await endpoint((_webhook, response) => response.writeHead(307, { location: other.url }).end());
    const { id } = await subscribe(url, { retry: { schedule: [] } });
    await emit('lead.scored');
    const [dead] = await until('the dead letter', async () => {
      const found = await deliveriesOf(id, 'dead');
      return found.length > 0 && found;
    });
    expect(dead?.attempts).toMatchObject([{ error: 'event.delivery.redirected' }]);
    expect(other.received).toEqual([]);
  });

  it('disables the subscription where the endpoint answers 410, with an event and an audit row, until it is enabled', async () => {
    let status = 410;
    const { url, ids } = await endpoint((_webhook, response) => response.writeHead(status).end());
    const watcher = await endpoint();
    await subscribe(watcher.url, { types: ['system.error'] });
    const { id } = await subscribe(url);
    await emit('lead.scored');
    await until('the subscription to be disabled', async () => (await subscriptionOf(id)).status === 'disabled');
    expect(await subscriptionOf(id)).toMatchObject({
      problem: expect.stringContaining('410') as string,
      pending: 0,
      dead: 1,
    });
    const { event } = await until('the event', () => watcher.received[0]);
    expect(event).toMatchObject({
      type: 'system.error',
      subject: id,
      data: { error: { code: 'event.subscription.disabled' } },
    });
    await emit('lead.unheard');
    expect((await agent.post(`/v1/deliveries/${id}/redeliver`, {})).body).toMatchObject({
      code: 'event.subscription.disabled',
    });
    const { body } = await admin.get('/v1/audit?action=event.disable');
    expect(body.data).toMatchObject([{ targetId: id }]);

    status = 204;
    await agent.post('/v1/subscriptions', { id, enabled: true });
    const heard = await emit('lead.heard');
    await until('the next event', () => ids().has(heard));
    expect(await subscriptionOf(id)).toMatchObject({ status: 'active', problem: null });
  });
});

describe('a subscription', () => {
  it('that is ordered gets the events of a subject one after the other, also where the first is made again', async () => {
    let failures = 2;
    const { url, received } = await endpoint(({ event }, response) => {
      const fails = event.subject === 'a' && failures-- > 0;
      setTimeout(() => response.writeHead(fails ? 500 : 204).end(), 20);
    });
    await subscribe(url, { ordered: true, retry: { schedule: ['300ms', '300ms', '300ms'] } });
    for (let n = 0; n < 8; n++) for (const subject of ['a', 'b']) await emit('lead.moved', { n }, subject);
    const numbersOf = (subject: string) =>
      received.filter(({ event }) => event.subject === subject).map(({ event }) => event.data.n);
    await until('all', () => numbersOf('a').length === 10 && numbersOf('b').length === 8);
    expect(numbersOf('a')).toEqual([0, 0, 0, 1, 2, 3, 4, 5, 6, 7]);
    expect(numbersOf('b')).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    // The trouble of one subject is not the other's.
    const secondOfA = received.findIndex(({ event }) => event.subject === 'a' && event.data.n === 1);
    expect(received.slice(0, secondOfA).filter(({ event }) => event.subject === 'b').length).toBeGreaterThan(1);
  });

  it('that is ordered gets its dead letters again in that order too', async () => {
    let isUp = false;
    const underWay = new Set<string>();
    let most = 0;
    const { url, received } = await endpoint(({ event }, response) => {
      underWay.add(event.id);
      most = Math.max(most, underWay.size);
      setTimeout(() => {
        underWay.delete(event.id);
        response.writeHead(isUp ? 204 : 500).end();
      }, 20);
    });
    const { id } = await subscribe(url, { ordered: true, retry: { schedule: [] } });
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.push(await emit('lead.moved', { n }, 'a'));
    await until('all dead', async () => (await deliveriesOf(id, 'dead')).length === 5);
    isUp = true;
    const answer = await agent.post(`/v1/deliveries/${id}/redeliver`, {});
    expect(answer.body.data).toMatchObject({ count: 5 });
    await until('all delivered', async () => (await deliveriesOf(id, 'delivered')).length === 5);
    expect(received.slice(5).map(({ event }) => event.id)).toEqual(ids);
    expect(most).toBe(1);
  });

  it('with a rate limit gets no more than that', async () => {
    const { url, received } = await endpoint();
    await subscribe(url, { rateLimitRpm: 120 });
    for (let n = 0; n < 6; n++) await emit('lead.scored', { n });
    await until('all', () => received.length === 6);
    // Two a second, and two at once.
    expect((received[5]?.atMs ?? 0) - (received[0]?.atMs ?? 0)).toBeGreaterThanOrEqual(1500);
  });

  it('is tried out with an event of its own, which no other gets', async () => {
    const [tried, other] = [await endpoint(), await endpoint()];
    const { id: otherId } = await subscribe(other.url, { types: ['*'] });
    const { id, secret, ...made } = await subscribe(tried.url, { test: true });
    const webhook = await until('the test event', () => tried.received[0]);
    expect(webhook.event).toMatchObject({ type: 'subscription.test', subject: id });
    expect(new Webhook(secret ?? '').verify(webhook.body, webhook.headers as Record<string, string>)).toBeDefined();
    await until('its record', async () =>
      (await deliveriesOf(id, 'delivered')).some((one) => one.id === made.testDeliveryId),
    );
    expect(await deliveriesOf(otherId)).toEqual([]);
  });

  it('of the target pull is read by cursor, and goes on where it stopped', async () => {
    const made = await agent.post('/v1/subscriptions', {
      types: ['lead.*'],
      filter: 'data.n % 2.0 == 0.0',
      target: { type: 'pull' },
    });
    const { id, secret } = made.body.data as unknown as NewSubscription;
    expect(secret).toBeNull();
    const ids: string[] = [];
    for (let n = 0; n < 6; n++) ids.push(await emit('lead.scored', { n }));
    const pull = async (cursor?: string) => {
      const query = new URLSearchParams({ subscription: id, limit: '2', ...(cursor && { cursor }) }).toString();
      const { body } = await agent.get(`/v1/events?${query}`);
      return body as unknown as { data: CloudEvent[]; page: { nextCursor: string | null; resumeCursor: string } };
    };
    await until('all in the log', async () => (await agent.get('/v1/events?type=lead.*')).body.data?.['length'] === 6);
    const first = await pull();
    expect(first.data.map((event) => event.id)).toEqual([ids[0], ids[2]]);
    const second = await pull(first.page.resumeCursor);
    expect(second.data.map((event) => event.id)).toEqual([ids[4]]);
    expect(second.page.nextCursor).toBeNull();
    expect((await pull(second.page.resumeCursor)).data).toEqual([]);
    const later = await emit('lead.later', { n: 8 });
    const third = await until('the later one', async () => {
      const page = await pull(second.page.resumeCursor);
      return page.data.length > 0 && page;
    });
    expect(third.data.map((event) => event.id)).toEqual([later]);
    expect(await (await newAgent()).get(`/v1/events?subscription=${id}`)).toMatchObject({
      status: 404,
      body: { code: 'event.subscription.not-found' },
    });
  });

  it('that has ended gets nothing more, and is not found', async () => {
    const [ended, other] = [await endpoint(), await endpoint()];
    const { id } = await subscribe(ended.url);
    await subscribe(other.url);
    expect((await agent.send('DELETE', `/v1/subscriptions/${id}`)).status).toBe(204);
    await emit('lead.scored');
    await until('the other', () => other.received.length === 1);
    expect(ended.received).toEqual([]);
    expect((await agent.send('DELETE', `/v1/subscriptions/${id}`)).body.code).toBe('event.subscription.not-found');
    expect((await agent.get(`/v1/me/subscriptions?id=${id}`)).status).toBe(404);
  });

  it("is its agent's alone", async () => {
    const { url } = await endpoint();
    const { id } = await subscribe(url);
    const other = await newAgent();
    expect((await other.send('DELETE', `/v1/subscriptions/${id}`)).status).toBe(404);
    expect((await other.post('/v1/subscriptions', { id, rotateSecret: true })).status).toBe(404);
    expect((await other.post(`/v1/deliveries/${id}/redeliver`, {})).status).toBe(404);
    expect((await other.get(`/v1/me/subscriptions?id=${id}`)).status).toBe(404);
    expect((await other.get('/v1/me/subscriptions')).body.data).toEqual([]);
    expect(
      ((await agent.get('/v1/me/subscriptions')).body.data as unknown as Subscription[]).map((one) => one.id),
    ).toEqual([id]);
  });

  it.each<[string, object, string[]]>([
    ['nothing', {}, ['types', 'target']],
    ['a target of no type', { types: ['a.b'], target: {} }, ['target.type']],
    [
      'a target that is unknown',
      { types: ['a.b'], target: { type: 'email', url: 'https://x.example' } },
      ['target.type'],
    ],
    ['a URL that is none', { types: ['a.b'], target: { type: 'webhook', url: 'nowhere' } }, ['target.url']],
    [
      'a URL of another scheme',
      { types: ['a.b'], target: { type: 'webhook', url: 'ftp://x.example' } },
      ['target.url'],
    ],
    [
      'a URL to a special address',
      { types: ['a.b'], target: { type: 'webhook', url: 'http://169.254.169.254/' } },
      ['target.url'],
    ],
    [
      'fields of a target that are unknown',
      { types: ['a.b'], target: { type: 'pull', url: 'x', more: 1 } },
      ['target.more', 'target.url'],
    ],
    [
      'headers that are ours or no texts',
      {
        types: ['a.b'],
        target: { type: 'webhook', url: 'https://x.example', headers: { 'Webhook-Id': 'x', a: 1, host: 'y' } },
      },
      ['target.headers.Webhook-Id', 'target.headers.a', 'target.headers'],
    ],
    ['a filter that cannot be read', { types: ['a.b'], target: { type: 'pull' }, filter: 'data.x >' }, ['filter']],
    ['a filter of unknown names', { types: ['a.b'], target: { type: 'pull' }, filter: 'input.x == 1' }, ['filter']],
    [
      'a schedule that is none',
      { types: ['a.b'], target: { type: 'pull' }, retry: { schedule: ['5s', 'soon', 7] } },
      ['retry.schedule[1]', 'retry.schedule[2]'],
    ],
    ['an unknown retry', { types: ['a.b'], target: { type: 'pull' }, retry: { attempts: 3 } }, ['retry.attempts']],
    ['a rotation of nothing', { types: ['a.b'], target: { type: 'pull' }, rotateSecret: true }, ['rotateSecret']],
    ['a test of what is pulled', { types: ['a.b'], target: { type: 'pull' }, test: true }, ['test']],
  ])('is refused with %s', async (_what, body, paths) => {
    const answer = await agent.post('/v1/subscriptions', body);
    expect(answer).toMatchObject({ status: 422, body: { code: 'event.subscription.invalid' } });
    expect(pathsOf(answer)).toEqual(paths);
  });
});
