import { generateSignature } from '@agent-platform/shared-security';
import { createHash } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { signRequest } from './sign';
import { verifyWebhook } from './webhook';

const SECRET = `whsec_${Buffer.from('a secret of thirty-two characters').toString('base64')}`;
const OTHER = `whsec_${Buffer.from('another secret, also long enough').toString('base64')}`;
const BODY = '{"id": "e1", "type": "lead.scored", "data": {"name": "Zoë"}}';
const NOW = new Date('2026-11-25T09:00:00Z');

function headers(secret = SECRET, body = BODY, at = NOW) {
  return {
    'webhook-id': 'e1',
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(secret).sign('e1', at, body),
  };
}
const verify = (given: object, body: string | Uint8Array = BODY, secrets: string | string[] = SECRET) =>
  verifyWebhook(given as never, body, secrets, { nowMs: NOW.getTime() });

it('accepts what the library of Standard Webhooks has signed, as text, bytes and Headers', async () => {
  for (const body of [BODY, new TextEncoder().encode(BODY)]) {
    expect(await verify(headers(), body)).toEqual(JSON.parse(BODY));
    expect(await verify(new Headers(headers()), body)).toEqual(JSON.parse(BODY));
  }
  const [name, value] = Object.entries(headers())[2] ?? [];
  expect(await verify({ ...headers(), [name?.toUpperCase() ?? '']: value })).toMatchObject({ id: 'e1' });
});

it('accepts the old and the new secret while they overlap', async () => {
  expect(await verify(headers(OTHER), BODY, [SECRET, OTHER])).toMatchObject({ id: 'e1' });
  const both = { ...headers(), 'webhook-signature': `v1,AAAA v2,x ${headers()['webhook-signature']}` };
  expect(await verify(both)).toMatchObject({ id: 'e1' });
});

it.each([
  ['another secret', headers(OTHER), BODY],
  ['another body', headers(), `${BODY} `],
  ['another id', { ...headers(), 'webhook-id': 'e2' }, BODY],
  ['a time that is past', headers(SECRET, BODY, new Date(NOW.getTime() - 301_000)), BODY],
  ['a time to come', headers(SECRET, BODY, new Date(NOW.getTime() + 301_000)), BODY],
  ['no signature', { ...headers(), 'webhook-signature': undefined }, BODY],
  ['a signature that is none', { ...headers(), 'webhook-signature': 'v1,%%%' }, BODY],
  ['an empty one', { ...headers(), 'webhook-signature': 'v1,' }, BODY],
  ['bytes that are no text', headers(), new Uint8Array([0xff, 0xfe])],
])('refuses %s', async (_name, given, body) => {
  await expect(verify(given, body)).rejects.toMatchObject({ code: 'client.webhook.invalid' });
});

it('refuses to check with a secret that is none', async () => {
  for (const secret of ['', 'whsec_', 'whsec_%%']) {
    await expect(verify(headers(), BODY, secret)).rejects.toMatchObject({ code: 'client.webhook.invalid' });
  }
});

it('signs requests as the platform checks them', async () => {
  const signed = await signRequest('s3cret', 'POST', '/v1/events?a=1', '{"é": 1}', {
    nowMs: NOW.getTime(),
    nonce: 'n'.repeat(16),
  });
  const expected = generateSignature('s3cret', {
    timestamp: String(NOW.getTime() / 1000),
    nonce: 'n'.repeat(16),
    method: 'POST',
    path: '/v1/events?a=1',
    bodyHash: createHash('sha256').update('{"é": 1}').digest('hex'),
  });
  expect(signed['X-Agent-Signature']).toBe(expected);
});
