import type { AuditRow, CloudEvent, Integration } from '@agent-platform/contracts';
import {
  createTestAgent,
  everythingWritten,
  startTestPlatform,
  startWebhookEndpoint,
  TestClient,
  until,
  whereFound,
  type TestPlatform,
} from '@agent-platform/testing';
import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { request as httpRequest } from 'node:http';

const PUBLIC_URL = 'https://platform.test';

let platform: TestPlatform;
let admin: TestClient;
let agentId: string;
let agent: TestClient;
let counter = 0;

const newSecret = () => `secret-${randomBytes(24).toString('hex')}`;
const hmacOf = (secret: string, text: string | Buffer) => createHmac('sha256', secret).update(text).digest('hex');

async function start(...args: Parameters<typeof startTestPlatform>): Promise<void> {
  platform = await startTestPlatform(args[0], { PUBLIC_URL, ...args[1] });
  admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  await newAgent();
}

async function newAgent(): Promise<void> {
  const skills = ['integration_manage', 'integration_read', 'event_subscribe'] as never;
  const { id, key } = await createTestAgent(admin, { skills });
  agentId = id;
  agent = new TestClient(platform.gateway, key);
}

async function define(webhook: object, name = `hook${++counter}`): Promise<Integration & { path: string }> {
  const answer = await agent.post('/v1/integrations', {
    name,
    baseUrl: 'https://api.example.com',
    authMethod: 'basic',
    webhook,
  });
  expect(answer).toMatchObject({ status: 201 });
  const integration = answer.body.data as unknown as Integration;
  return { ...integration, path: pathOf(integration) };
}

const pathOf = ({ webhook }: Integration) => (webhook?.url ?? '').replace(PUBLIC_URL, '');
const update = (id: string, change: object) => agent.send('PATCH', `/v1/integrations/${id}`, JSON.stringify(change));

interface Sent {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: { code?: string; data?: { eventId?: string; duplicate?: boolean } };
}

async function send(
  path: string,
  body: string | Buffer,
  headers: Record<string, string> = {},
  method = 'POST',
): Promise<Sent> {
  const response = await fetch(platform.gateway + path, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    body: method === 'GET' ? undefined : body,
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson ? (JSON.parse(text) as Sent['json']) : {},
  };
}

/** As GitHub sends it. */
const github = (path: string, secret: string, body: string | Buffer, more: Record<string, string> = {}) =>
  send(path, body, {
    'x-hub-signature-256': `sha256=${hmacOf(secret, body)}`,
    'x-github-event': 'push',
    'x-github-delivery': randomUUID(),
    ...more,
  });

async function eventsOf(name: string): Promise<CloudEvent[]> {
  const answer = await agent.get(`/v1/events?type=webhook.${name}.*&limit=200`);
  expect(answer.status).toBe(200);
  return answer.body.data as unknown as CloudEvent[];
}
const eventOf = (name: string, id: string | undefined) =>
  until('the event', async () => (await eventsOf(name)).find((event) => event.id === id));

const auditOf = (endpointPath: string, wanted: (row: AuditRow) => boolean) =>
  until('the audit row', async () => {
    const answer = await admin.get(`/v1/audit?search=${endpointPath.split('/').at(-1)}&limit=200`);
    return (answer.body.data as unknown as AuditRow[]).find(wanted);
  });

describe('on one process', () => {
  beforeAll(() => start('one process'));
  afterAll(() => platform?.stop());
  beforeEach(newAgent);

  it('a signed request becomes an event that its agent finds and subscriptions get', async () => {
    const sink = await startWebhookEndpoint();
    const secret = newSecret();
    const integration = await define({ scheme: 'github', secrets: [secret] });
    const { id, name, path, webhook } = integration;
    expect(webhook).toEqual({
      url: expect.stringMatching(/^https:\/\/platform\.test\/v1\/webhooks\/[0-9a-f-]{14}4[0-9a-f-]{21}$/) as string,
      scheme: 'github',
      toleranceSeconds: 300,
    });
    for (const answer of [await agent.get(`/v1/integrations/${id}`), await agent.get('/v1/integrations')])
      expect(JSON.stringify(answer.body)).toContain(JSON.stringify(webhook));
    const target = { type: 'webhook', url: sink.url };
    expect(await agent.post('/v1/subscriptions', { types: [`webhook.${name}.*`], target })).toMatchObject({
      status: 201,
    });

    const body = JSON.stringify({ action: 'opened', issue: { title: 'Größe \u0000 😀' } }, null, 2);
    const answer = await github(path, secret, body, { 'x-github-event': 'issues' });
    expect(answer).toMatchObject({ status: 200, json: { data: { eventId: expect.any(String) as string } } });
    const event = await eventOf(name, answer.json.data?.eventId);
    expect(event).toMatchObject({
      type: `webhook.${name}.issues.opened`,
      source: `/agents/${agentId}`,
      subject: id,
      data: { action: 'opened', issue: { title: 'Größe \ufffd 😀' } },
    });
    await until('the subscription', () => sink.received.some((one) => one.event.id === event.id));
    expect(await auditOf(path, ({ decision }) => decision === 'allowed')).toMatchObject({
      agentId,
      action: 'webhook.receive',
      after: { eventId: event.id, type: event.type },
    });
    await sink.stop();
  });

  it('a delivery that is repeated, also at the same time, is one event', async () => {
    const secret = newSecret();
    const { name, path } = await define({ scheme: 'github', secrets: [secret] });
    const once = { 'x-github-delivery': randomUUID() };
    const answers = await Promise.all(Array.from({ length: 20 }, () => github(path, secret, '{}', once)));
    answers.push(await github(path, secret, '{}', once));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    const ids = answers.flatMap(({ json }) => json.data?.eventId ?? []);
    expect(ids).toHaveLength(1);
    expect(answers.filter(({ text }) => text === '{"data":{"duplicate":true}}')).toHaveLength(20);
    const other = await github(path, secret, '{}');
    await eventOf(name, other.json.data?.eventId);
    expect((await eventsOf(name)).map(({ id }) => id).sort()).toEqual([...ids, other.json.data?.eventId].sort());
    // The same delivery at another endpoint is another one.
    const second = await define({ scheme: 'github', secrets: [secret] });
    expect((await github(second.path, secret, '{}', once)).json.data?.eventId).toBeDefined();
  });

  it('stores receipt, event and audit row together or not at all', async () => {
    const secret = newSecret();
    const { path } = await define({ scheme: 'github', secrets: [secret] });
    const once = { 'x-github-delivery': randomUUID() };
    await platform.database.query(`
      CREATE FUNCTION event.fail_audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'full'; END $$;
      CREATE TRIGGER fail_audit BEFORE INSERT ON event.outbox FOR EACH ROW WHEN (NEW.kind = 'audit') EXECUTE FUNCTION event.fail_audit()`);
    try {
      expect(await github(path, secret, '{}', once)).toMatchObject({
        status: 503,
        json: { code: 'service.unavailable' },
      });
    } finally {
      await platform.database.query('DROP FUNCTION event.fail_audit CASCADE');
    }
    expect((await github(path, secret, '{}', once)).json.data?.eventId).toBeDefined();
  });

  it('secrets are replaced while both hold, and then one', async () => {
    const [old, fresh] = [newSecret(), newSecret()];
    const { id, path } = await define({ scheme: 'github', secrets: [old], toleranceSeconds: 60 });
    expect((await github(path, old, '{}')).status).toBe(200);
    expect((await update(id, { webhook: { secrets: [fresh, old] } })).body.data).toMatchObject({
      webhook: { scheme: 'github', toleranceSeconds: 60, url: PUBLIC_URL + path },
    });
    for (const secret of [old, fresh]) expect((await github(path, secret, '{}')).status).toBe(200);
    expect((await update(id, { webhook: { secrets: [fresh] } })).status).toBe(200);
    expect((await github(path, old, '{}')).status).toBe(401);
    expect((await update(id, { rateLimitRpm: 5, webhook: { toleranceSeconds: 30 } })).status).toBe(200);
    expect((await github(path, fresh, '{}')).status).toBe(200);
  });

  it('a new name of the integration is in the events, at the same address', async () => {
    const secret = newSecret();
    const { id, path } = await define({ scheme: 'github', secrets: [secret] });
    const name = `renamed${++counter}`;
    expect((await update(id, { name })).body.data).toMatchObject({ name, webhook: { url: PUBLIC_URL + path } });
    const { json } = await github(path, secret, '{}');
    expect((await eventOf(name, json.data?.eventId)).type).toBe(`webhook.${name}.push`);
  });

  it('the scheme none closes the endpoint, which opens again with new secrets alone', async () => {
    const [secret, other] = [newSecret(), newSecret()];
    const { id, path } = await define({ scheme: 'github', secrets: [secret] });
    expect((await update(id, { webhook: { scheme: 'none' } })).body.data).toMatchObject({ webhook: null });
    expect((await github(path, secret, '{}')).status).toBe(401);
    expect(await update(id, { webhook: { scheme: 'github' } })).toMatchObject({
      status: 422,
      body: { code: 'integration.definition.invalid', errors: [{ path: 'webhook.secrets' }] },
    });
    const [kept] = await platform.database.query<{ secrets: number }>(
      'SELECT count(*)::int AS secrets FROM event.secrets WHERE id::text = $1',
      [path.split('/').at(-1)],
    );
    expect(kept?.secrets).toBe(0);
    const reopened = await update(id, { webhook: { scheme: 'github', secrets: [other] } });
    expect(reopened.body.data).toMatchObject({ webhook: { url: PUBLIC_URL + path } });
    expect((await github(path, other, '{}')).status).toBe(200);
    expect((await github(path, secret, '{}')).status).toBe(401);
  });

  it('each scheme works through the door: a timestamp, an address, a form, a challenge, a scheme of one’s own', async () => {
    const secret = newSecret();
    const time = String(Math.floor(Date.now() / 1000));
    const stripe = await define({ scheme: 'stripe', secrets: [secret] });
    const paid = '{"id": "evt_1", "type": "invoice.paid"}';
    const signed = (at: string) => ({ 'stripe-signature': `t=${at},v1=${hmacOf(secret, `${at}.${paid}`)}` });
    expect((await send(stripe.path, paid, signed(String(Number(time) - 301)))).status).toBe(401);
    const { json } = await send(stripe.path, paid, signed(time));
    expect((await eventOf(stripe.name, json.data?.eventId)).type).toBe(`webhook.${stripe.name}.invoice.paid`);

    const twilio = await define({ scheme: 'twilio', secrets: [secret] });
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const text = `${PUBLIC_URL}${twilio.path}?tag=%C3%A4From+1MessageStatusdelivered`;
    const signature = { 'x-twilio-signature': createHmac('sha1', secret).update(text).digest('base64') };
    const sms = await send(`${twilio.path}?tag=%C3%A4`, 'MessageStatus=delivered&From=%2B1', { ...form, ...signature });
    expect((await eventOf(twilio.name, sms.json.data?.eventId)).data).toEqual({
      MessageStatus: 'delivered',
      From: '+1',
    });

    const slack = await define({ scheme: 'slack', secrets: [secret] });
    const challenge = '{"type": "url_verification", "challenge": "3eZbrw1a"}';
    const ofSlack = (key: string) =>
      send(slack.path, challenge, {
        'x-slack-request-timestamp': time,
        'x-slack-signature': `v0=${hmacOf(key, `v0:${time}:${challenge}`)}`,
      });
    const answer = await ofSlack(secret);
    expect(answer).toMatchObject({ status: 200, text: '3eZbrw1a' });
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(await ofSlack(newSecret())).toMatchObject({ status: 401 });

    const own = await define({
      scheme: 'hmac',
      secrets: [secret],
      header: 'X-Sign',
      prefix: 'v1=',
      eventField: 'kind',
    });
    expect(own.webhook).toMatchObject({ header: 'X-Sign', prefix: 'v1=', eventField: 'kind' });
    const door = '{"kind": "Door.Opened"}';
    const opened = await send(own.path, door, { 'x-sign': `v1=${hmacOf(secret, door)}` });
    expect((await eventOf(own.name, opened.json.data?.eventId)).type).toBe(`webhook.${own.name}.door.opened`);
  });

  it('whatever is wrong is answered alike, and its cause is in the audit log alone', async () => {
    const secret = newSecret();
    const { path } = await define({ scheme: 'github', secrets: [secret] });
    const closed = await define({ scheme: 'github', secrets: [secret] });
    await update(closed.id, { webhook: { scheme: 'none' } });
    const answers = [
      await github(path, newSecret(), '{}'),
      await send(path, '{}'),
      await github(closed.path, secret, '{}'),
      await github(`/v1/webhooks/${randomUUID()}`, secret, '{}'),
      await github('/v1/webhooks/nonsense', secret, '{}'),
      await github('/v1/webhooks/', secret, '{}'),
      await github(`${path}/more`, secret, '{}'),
    ];
    const alike = answers.map(({ status, text, headers }) => [
      status,
      headers.get('content-type'),
      text.replaceAll(headers.get('x-request-id') ?? '-', 'ID'),
    ]);
    expect(alike[0]).toEqual([401, 'application/problem+json', expect.stringContaining('webhook.signature.invalid')]);
    for (const one of alike) expect(one).toEqual(alike[0]);
    const row = (cause: string) => auditOf(path, ({ reason }) => reason === `webhook.signature.invalid (${cause})`);
    expect(await row('signature wrong')).toMatchObject({ agentId, action: 'webhook.receive', decision: 'refused' });
    expect(await row('signature missing')).toMatchObject({ agentId, decision: 'refused' });
  });

  it('what cannot be read under a right signature is malformed', async () => {
    const secret = newSecret();
    const { name, path } = await define({ scheme: 'github', secrets: [secret] });
    for (const body of ['', 'text', '{"a": ', '['.repeat(5000) + ']'.repeat(5000), Buffer.from([0x22, 0xff, 0x22])])
      expect(await github(path, secret, body)).toMatchObject({ status: 400, json: { code: 'webhook.body.malformed' } });
    // Six times as large once it is JSON: more than the bus carries.
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const grown = await github(path, secret, `a=${'\u0001'.repeat(900_000)}`, form);
    expect(grown).toMatchObject({ status: 400, json: { code: 'webhook.body.malformed' } });
    expect(await auditOf(path, ({ reason }) => reason === 'webhook.body.malformed (too large as JSON)')).toBeDefined();
    expect(await eventsOf(name)).toEqual([]);
  });

  it('another method is 405 with Allow, too large a body 413, and nothing that is hostile is ever 5xx', async () => {
    const secret = newSecret();
    const { name, path } = await define({ scheme: 'github', secrets: [secret] });
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH']) {
      const { status, headers, json } = await send(path, '{}', {}, method);
      expect([status, headers.get('allow'), json.code]).toEqual([405, 'POST', 'request.method.not-allowed']);
    }
    const large = Buffer.alloc(1024 * 1024, ' ');
    large.write('{}');
    expect((await github(path, secret, large)).status).toBe(200);
    expect(await send(path, Buffer.alloc(1024 * 1024 + 1))).toMatchObject({
      status: 413,
      json: { code: 'request.body.too-large' },
    });

    const hostile: [string | Buffer, Record<string, string>?][] = [
      ['{"a": "\\u0000\\ud800", "\\u0000": {"\\udfff": "\\\\u0000"}}'],
      [`{"__proto__": {"a": 1}, "constructor": {"prototype": 1}, "toString": 7}`],
      [`{"action": "${'x.'.repeat(5000)}"}`],
      [`{"action": "../../${'\\u0000'.repeat(300)}"}`],
      [`{"action": {"a": 1}}`],
      [`[${'1,'.repeat(200_000)}1]`],
      [`{"n": 1e999, "m": -0, "k": 123456789012345678901234567890}`],
      [`${'{"a":'.repeat(120)}1${'}'.repeat(120)}`],
      [`"${'😀'.repeat(100_000)}"`],
      ['{}', { 'x-github-delivery': 'x'.repeat(8000) }],
      ['{}', { 'x-github-delivery': '\u00e4 \u00ff' }],
      ['{}', { 'x-github-event': '\u00e4/../..//.%00' }],
      ['{}', { 'x-github-event': 'x'.repeat(8000) }],
      ['{}', { 'content-encoding': 'gzip' }],
      ['{}', { 'content-type': 'text/html; charset=utf-7' }],
      ['{}', { 'content-type': '' }],
      ['{}', { 'user-agent': `\u00ff'"; DROP TABLE ${'x'.repeat(3000)}` }],
      ['{}', { 'x-request-id': '\u00ff', traceparent: 'nonsense' }],
      [`${'a=b&'.repeat(100_000)}`, { 'content-type': 'application/x-www-form-urlencoded' }],
      ['%=%&%ff=%00&payload={', { 'content-type': 'application/x-www-form-urlencoded' }],
    ];
    for (const [body, headers] of hostile) {
      const { status, text } = await github(path, secret, body, headers);
      expect([body.slice(0, 40), headers, status < 500, text.length > 0]).toEqual([
        body.slice(0, 40),
        headers,
        true,
        true,
      ]);
      const forged = await github(path, newSecret(), body, headers);
      expect([body.slice(0, 40), forged.status]).toEqual([body.slice(0, 40), 401]);
    }
    for (const target of [
      '\u0000',
      '%00',
      '%',
      `${randomUUID()}\\`,
      `{${randomUUID()}}`,
      'x'.repeat(8000),
      '..%2f..',
      '?',
    ])
      expect((await raw(`/v1/webhooks/${encodeURI(target)}`)).status).toBe(401);
    // All that was stored can be read, and the lane of events is not held up.
    const last = await github(path, secret, '{"last": true}');
    await eventOf(name, last.json.data?.eventId);
  });

  it('an agent with a grant does not see the address', async () => {
    const { id } = await define({ scheme: 'github', secrets: [newSecret()] });
    const owner = agent;
    await newAgent();
    const grants = [{ agentId }];
    expect((await owner.send('PATCH', `/v1/integrations/${id}`, JSON.stringify({ grants }))).status).toBe(200);
    expect((await agent.get(`/v1/integrations/${id}`)).body.data).toMatchObject({ id, webhook: null });
    expect((await owner.get(`/v1/integrations/${id}`)).body.data).toMatchObject({ webhook: { scheme: 'github' } });
  });
});

describe('on separate processes', () => {
  beforeAll(() => start('separate processes', { LOG_LEVEL: 'debug' }));
  afterAll(() => platform?.stop());

  it('a change is in force on every replica within seconds', async () => {
    await platform.separate?.startService('webhook-receiver');
    const [old, fresh] = [newSecret(), newSecret()];
    const { id, path } = await define({ scheme: 'github', secrets: [old] });
    for (let at = 0; at < 20; at++) expect((await github(path, old, '{}')).status).toBe(200);
    await update(id, { webhook: { secrets: [fresh] } });
    const changedAtMs = Date.now();
    // A replica that has not heard of it takes the old secret and not the new one.
    await until('the change everywhere', async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => github(path, old, '{}')));
      return answers.every(({ status }) => status === 401);
    });
    expect(Date.now() - changedAtMs).toBeLessThan(8000);
    const answers = await Promise.all(Array.from({ length: 20 }, () => github(path, fresh, '{}')));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  });

  it('while the bus is away or the receiver fails no definition is half changed, and providers are told to come back', async () => {
    const secret = newSecret();
    const { id, path } = await define({ scheme: 'github', secrets: [secret] });
    const { webhook } = (await agent.get(`/v1/integrations/${id}`)).body.data as unknown as Integration;
    const startNats = platform.separate?.killNats();
    const away = await github(path, secret, '{}');
    expect([away.status, away.headers.get('retry-after'), away.json.code]).toEqual([503, '1', 'service.unavailable']);
    await startNats?.();
    const name = `never${++counter}`;
    await until('the bus', async () => (await github(path, secret, '{}')).status === 200);

    await platform.database.query(`
      CREATE FUNCTION event.fail_endpoint() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'full'; END $$;
      CREATE TRIGGER fail_endpoint BEFORE INSERT OR UPDATE ON event.webhook_endpoints FOR EACH ROW EXECUTE FUNCTION event.fail_endpoint()`);
    const request = {
      baseUrl: 'https://api.example.com',
      authMethod: 'basic',
      webhook: { scheme: 'github', secrets: [secret] },
    };
    const created = await agent.post('/v1/integrations', { name, ...request });
    expect(created).toMatchObject({ status: 503, body: { code: 'service.unavailable' } });
    expect(created.headers.get('retry-after')).toBe('1');
    expect((await update(id, { name, webhook: { scheme: 'none' } })).status).toBe(503);
    await platform.database.query('DROP FUNCTION event.fail_endpoint CASCADE');
    expect((await agent.get(`/v1/integrations/${name}`)).status).toBe(404);
    expect((await agent.get(`/v1/integrations/${id}`)).body.data).toMatchObject({ webhook });
    expect((await github(path, secret, '{}')).status).toBe(200);
  });

  it('no secret is anywhere but sealed', async () => {
    const secrets = [newSecret(), newSecret(), `whsec_${randomBytes(32).toString('base64')}`, newSecret()];
    const [first = '', second = '', standard = '', wrong = ''] = secrets;
    const answers: string[] = [];
    const keep = (answer: { body: object }) => answers.push(JSON.stringify(answer.body));
    const { id, path } = await define({ scheme: 'github', secrets: [first] });
    keep(await update(id, { webhook: { secrets: [second, first] } }));
    keep(await update(id, { webhook: { scheme: 'standard', secrets: [standard] } }));
    keep(await update(id, { webhook: { secrets: [standard, standard] } }));
    keep(await update(id, { webhook: { secrets: [first] } }));
    keep(await update(id, { webhook: { scheme: 'stripe', secrets: [wrong], tolerance: 5 } }));
    keep(await update(id, { name: `canary${++counter}` }));
    // Each way that secrets come is the last change of one: what a later change writes over would not be found.
    await define({ scheme: 'github', secrets: [second] });
    const rotated = await define({ scheme: 'stripe', secrets: [wrong] });
    keep(await update(rotated.id, { webhook: { secrets: [first, wrong] } }));
    keep(await agent.get(`/v1/integrations/${id}`));
    keep(await admin.get('/v1/audit?limit=200'));
    answers.push((await github(path, first, '{}')).text);
    await auditOf(path, ({ reason }) => reason === 'webhook.signature.invalid (signature missing)');
    const places = await everythingWritten(platform);
    answers.forEach((answer, at) => places.set(`answer ${at}`, answer));
    // What is written of a secret that stands alone, such as the prefix of its kind, is none.
    const whole = secrets.map((secret) => secret.replace('whsec_', ''));
    expect(whereFound(whole, places)).toEqual([]);
    expect(places.get('table event.secrets')).toContain(path.split('/').at(-1));
  });
});

/** A path as it is, without what `fetch` makes of it. */
function raw(path: string): Promise<{ status: number }> {
  const { hostname, port } = new URL(platform.gateway);
  return new Promise((resolve, reject) => {
    httpRequest({ hostname, port, path, method: 'POST' }, (response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0 });
    })
      .on('error', reject)
      .end('{}');
  });
}
