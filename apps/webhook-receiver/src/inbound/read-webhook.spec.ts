import { hmacSha256 } from '@agent-platform/shared-security';
import { PROVIDERS, requestOf, signatureOf, signedRequest, type Provider } from '../../test/sign-webhooks';
import { readWebhook, type Reading } from './read-webhook';
import { schemeOf } from './schemes/schemes';

const NOW_MS = 1_764_500_000_000;

function provider(name: string, changes: Partial<Provider> = {}): Provider {
  const found = PROVIDERS.find((candidate) => candidate.name === name);
  if (!found) throw new Error(`no ${name}`);
  return { ...found, ...changes };
}

function read(from: Provider, ms = NOW_MS): Reading {
  const expected = {
    scheme: schemeOf(from.scheme, from.options ?? {}),
    integrationName: 'crm',
    secrets: ['a-secret-that-is-not-used', from.secrets[0]],
    toleranceMs: 300_000,
  };
  return readWebhook(expected, signedRequest(from, ms), NOW_MS);
}

const saying = (name: string, content: unknown, changes: Partial<Provider> = {}) =>
  read(provider(name, { body: () => JSON.stringify(content), ...changes }));

describe('a delivery', () => {
  it.each([
    ['github', 'webhook.crm.issues.opened', 'id:72d3162e-cc78-11e3-81ab-4c9367dc0958'],
    ['stripe', 'webhook.crm.invoice.paid', 'id:evt_1'],
    ['calendly', 'webhook.crm.invitee.created', /^sha256:/],
    ['slack', 'webhook.crm.message', 'id:Ev1'],
    ['zoom', 'webhook.crm.meeting.started', /^sha256:/],
    ['shopify', 'webhook.crm.orders.create', 'id:orders/create:98880550-7158-44d4-b7cd-2c97c8a091b5'],
    ['twilio form', 'webhook.crm.delivered', /^sha256:/],
    ['twilio JSON', 'webhook.crm.onmessageadded', /^sha256:/],
    ['linear', 'webhook.crm.issue.create', 'id:234d1a4e-b617-4388-90fe-adc3633d6b72'],
    ['pagerduty', 'webhook.crm.incident.triggered', 'id:01DEN'],
    ['zendesk', 'webhook.crm.ticket.created', 'id:8350205582'],
    ['hubspot', 'webhook.crm.contact.creation', /^sha256:/],
    ['sentry', 'webhook.crm.issue.created', 'id:8350205582'],
    ['standard', 'webhook.crm.lead.scored', 'id:msg_1'],
    ['hmac with SHA-512', 'webhook.crm.door.opened', 'id:1'],
    ['hmac with a template', 'webhook.crm.door.opened', /^sha256:/],
  ])('of %s is %s', (name, type, key) => {
    expect(read(provider(name))).toMatchObject({
      kind: 'delivery',
      type,
      key: typeof key === 'string' ? key : (expect.stringMatching(key) as string),
    });
  });

  it('that is repeated has the same key, whatever its time', () => {
    for (const from of PROVIDERS.filter(({ time }) => time !== 'body'))
      expect(read(from)).toEqual(read(from, NOW_MS - 60_000));
    const attempt = (attemptNumber: number) =>
      saying('hubspot', [{ eventId: 7, subscriptionType: 'a.b', attemptNumber }]) as { key: string };
    expect(attempt(3).key).toBe(attempt(0).key);
  });

  it('with an id that cannot be kept as it is has a digest of it', () => {
    for (const id of ['x'.repeat(300), 'a\u0000b', 'a b', 'ä'])
      expect(saying('stripe', { id, type: 't' })).toMatchObject({
        key: expect.stringMatching(/^sha256:\w{64}$/) as string,
      });
    // No id is taken for a digest.
    expect(saying('stripe', { id: 'sha256:00', type: 't' })).toMatchObject({ key: 'id:sha256:00' });
  });

  it('of a list that says different things is received', () => {
    const items = ['contact.creation', 'contact.deletion'].map((subscriptionType) => ({ subscriptionType }));
    expect(saying('hubspot', items)).toMatchObject({ type: 'webhook.crm.received', data: { value: items } });
  });

  it('of a Slack command and click says so', () => {
    const form = { contentType: 'application/x-www-form-urlencoded' };
    const command = { ...form, body: () => 'command=%2Fweather&text=Berlin' };
    expect(read(provider('slack', command))).toMatchObject({
      type: 'webhook.crm.slash_command',
      data: { command: '/weather', text: 'Berlin' },
    });
    const click = { ...form, body: () => new URLSearchParams({ payload: '{"type": "block_actions"}' }).toString() };
    expect(read(provider('slack', click))).toMatchObject({
      type: 'webhook.crm.block_actions',
      data: { type: 'block_actions' },
    });
  });
});

describe('data', () => {
  const data = (body: string, contentType = 'application/json') => {
    const reading = read(provider('github', { body: () => body, contentType }));
    return reading.kind === 'delivery' ? reading.data : reading.kind;
  };
  const FORM = 'application/x-www-form-urlencoded';

  it('is the object, the form, or the value', () => {
    expect(data('{"a": 1}', 'text/plain')).toEqual({ a: 1 });
    for (const value of ['[1, 2]', '"text"', '7', 'null'])
      expect(data(value)).toEqual({ value: JSON.parse(value) as unknown });
    expect(data('a=1&b=x+y&b=%C3%A4', FORM)).toEqual({ a: '1', b: ['x y', 'ä'] });
    expect(data('payload=%7B%22a%22%3A1%7D', `${FORM}; charset=utf-8`)).toEqual({ a: 1 });
    expect(data('payload=%7B%22a%22%3A1%7D&b=2', FORM)).toEqual({ payload: { a: 1 }, b: '2' });
    expect(data('payload=text', FORM)).toEqual({ payload: 'text' });
    expect(Object.keys(data('__proto__=1&constructor=2', FORM) as object)).toEqual(['__proto__', 'constructor']);
  });

  it.each([
    ['nothing', ''],
    ['text', 'hello'],
    ['half of an object', '{"a": 1'],
    ['two objects', '{}{}'],
    ['XML', '<a/>'],
    ['deep nesting', '['.repeat(100_000) + ']'.repeat(100_000)],
  ])('that is %s under a right signature is malformed', (_name, body) => expect(data(body)).toBe('malformed'));

  it('that is not UTF-8 is malformed', () => {
    const from = provider('github');
    const body = Buffer.from([0x22, 0xff, 0x22]);
    const signature = `sha256=${hmacSha256(from.secrets[0], body).toString('hex')}`;
    const request = { ...signedRequest(from, NOW_MS), body, headers: { 'x-hub-signature-256': signature } };
    const expected = {
      scheme: schemeOf('github', {}),
      integrationName: 'crm',
      secrets: [from.secrets[0]],
      toleranceMs: 1,
    };
    expect(readWebhook(expected, request, NOW_MS).kind).toBe('malformed');
  });
});

describe('a challenge', () => {
  it('of Slack is answered once its signature is right', () => {
    const content = { type: 'url_verification', token: 't', challenge: '3eZbrw1a' };
    expect(saying('slack', content)).toEqual({
      kind: 'challenge',
      answer: { contentType: 'text/plain; charset=utf-8', body: '3eZbrw1a' },
    });
    const from = provider('slack', { body: () => JSON.stringify(content) });
    expect(read({ ...from, secrets: ['a-secret-that-is-not-used', from.secrets[1]] }).kind).toBe('challenge');
    expect(saying('slack', content, { key: () => Buffer.from('forged') }).kind).toBe('refused');
    expect(saying('github', content).kind).toBe('delivery');
  });

  it('of Zoom is answered with the secret that it was signed with', () => {
    const content = { event: 'endpoint.url_validation', payload: { plainToken: 'qgg8vlvZRS6UYooatFL8Aw' } };
    const encryptedToken = hmacSha256(provider('zoom').secrets[0], 'qgg8vlvZRS6UYooatFL8Aw').toString('hex');
    expect(saying('zoom', content)).toEqual({
      kind: 'challenge',
      answer: {
        contentType: 'application/json',
        body: JSON.stringify({ plainToken: 'qgg8vlvZRS6UYooatFL8Aw', encryptedToken }),
      },
    });
    expect(saying('zoom', content, { key: () => Buffer.from('forged') }).kind).toBe('refused');
  });
});

it('a body that Twilio does not sign is refused, whatever the signature', () => {
  const from = provider('twilio form', { signedText: ({ url }) => url });
  for (const [body, contentType] of [
    ['{"MessageStatus": "delivered"}', 'application/json'],
    ['MessageStatus=delivered', 'text/plain'],
    ['', 'application/x-www-form-urlencoded'],
  ] as const) {
    const signature = signatureOf(from, { secret: from.secrets[0], body, time: '' });
    const request = requestOf({ ...from, contentType }, [signature], { body, time: '' });
    const expected = {
      scheme: schemeOf('twilio', {}),
      integrationName: 'sms',
      secrets: [from.secrets[0]],
      toleranceMs: 1,
    };
    expect(readWebhook(expected, request, NOW_MS)).toEqual({ kind: 'refused', cause: 'signed parts missing' });
  }
});
