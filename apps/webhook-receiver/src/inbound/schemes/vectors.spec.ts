import '@shopify/shopify-api/adapters/node';
import { LinearWebhookClient } from '@linear/sdk/webhooks';
import { sign as signAsGitHub, verify as verifyAsGitHub } from '@octokit/webhooks-methods';
import { shopifyApi } from '@shopify/shopify-api';
import { verifySlackRequest } from '@slack/bolt/dist/receivers/verify-request';
import { Webhook } from 'standardwebhooks';
import Stripe from 'stripe';
import { getExpectedTwilioSignature, validateRequest, validateRequestWithBody } from 'twilio/lib/webhooks/webhooks';
import { PROVIDERS, signedRequest } from '../../../test/sign-webhooks';
import { verify } from '../verify';
import type { WebhookRequest } from '../webhook-request';
import { schemeOf } from './schemes';

// Most packages look at the clock themselves.
const NOW_MS = Math.floor(Date.now() / 1000) * 1000;
const NOW = String(NOW_MS / 1000);

const isRight = (
  scheme: Parameters<typeof schemeOf>[0],
  secret: string,
  request: Partial<WebhookRequest>,
  nowMs = NOW_MS,
) =>
  'secret' in
  verify(
    schemeOf(scheme, {}),
    { method: 'POST', url: 'https://platform.test/', headers: {}, body: Buffer.alloc(0), ...request },
    { secrets: [secret], toleranceMs: 300_000 },
    nowMs,
  );

/** What our own signer of the tests, which the hostile requests are made of, sends as a provider. */
function ours(name: string) {
  const provider = PROVIDERS.find((candidate) => candidate.name === name);
  if (!provider) throw new Error(`no ${name}`);
  const request = signedRequest(provider, NOW_MS);
  return { ...request, secret: provider.secrets[0], text: request.body.toString() };
}

describe('the published example of', () => {
  it('GitHub', () => {
    const headers = {
      'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
    };
    expect(isRight('github', "It's a Secret to Everybody", { headers, body: Buffer.from('Hello, World!') })).toBe(true);
  });

  it('Slack', () => {
    const body =
      'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar' +
      '&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com' +
      '%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c';
    const headers = {
      'x-slack-request-timestamp': '1531420618',
      'x-slack-signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
    };
    const request = { headers, body: Buffer.from(body) };
    expect(isRight('slack', '8f742231b10e8888abcd99yyyzzz85a5', request, 1_531_420_618_000)).toBe(true);
    expect(isRight('slack', '8f742231b10e8888abcd99yyyzzz85a5', request)).toBe(false);
  });

  it('Twilio', () => {
    const request = {
      url: 'https://mycompany.com/myapp.php?foo=1&bar=2',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'x-twilio-signature': 'RSOYDt4T1cUTdK1PDd93/VVr8B8=',
      },
      body: Buffer.from(
        'Digits=1234&To=%2B18005551212&From=%2B14158675309&Caller=%2B14158675309&CallSid=CA1234567890ABCDE',
      ),
    };
    expect(isRight('twilio', '12345', request)).toBe(true);
  });

  it('Standard Webhooks', () => {
    const headers = {
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    };
    const request = { headers, body: Buffer.from('{"test": 2432232314}') };
    expect(isRight('standard', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', request, 1_614_265_330_000)).toBe(true);
  });
});

describe("what the provider's own package signs is right, and what we sign is right for it:", () => {
  const body = '{"type": "lead.scored", "data": "käse \\u0000 😀"}';

  it('@octokit/webhooks-methods', async () => {
    const headers = { 'x-hub-signature-256': await signAsGitHub('a secret of GitHub', body) };
    expect(isRight('github', 'a secret of GitHub', { headers, body: Buffer.from(body) })).toBe(true);
    const { secret, text, headers: signed } = ours('github');
    expect(await verifyAsGitHub(secret, text, signed['x-hub-signature-256'] ?? '')).toBe(true);
  });

  it('stripe', () => {
    const { webhooks } = new Stripe('sk_test_none');
    const secret = 'whsec_of_stripe_is_plain_text';
    const header = webhooks.generateTestHeaderString({ payload: body, secret, timestamp: NOW_MS / 1000 });
    expect(isRight('stripe', secret, { headers: { 'stripe-signature': header }, body: Buffer.from(body) })).toBe(true);
    const mine = ours('stripe');
    const event = webhooks.constructEvent(mine.text, mine.headers['stripe-signature'] ?? '', mine.secret);
    expect(event.type).toBe('invoice.paid');
  });

  it('@slack/bolt', () => {
    const { secret, headers, text } = ours('slack');
    const options = {
      signingSecret: secret,
      body: text,
      headers: {
        'x-slack-signature': headers['x-slack-signature'] ?? '',
        'x-slack-request-timestamp': Number(headers['x-slack-request-timestamp']),
      },
    };
    expect(() => verifySlackRequest(options)).not.toThrow();
    expect(() => verifySlackRequest({ ...options, body: `${text} ` })).toThrow();
  });

  it('@shopify/shopify-api', async () => {
    const { secret, headers, text } = ours('shopify');
    const shopify = shopifyApi({
      apiKey: 'key',
      apiSecretKey: secret,
      apiVersion: '2026-01' as never,
      hostName: 'shop.test',
      isEmbeddedApp: false,
      logger: { level: 0 },
    });
    const rawRequest = {
      method: 'POST',
      url: '/',
      headers: {
        ...headers,
        'x-shopify-shop-domain': 'shop.myshopify.com',
        'x-shopify-api-version': '2026-01',
        'x-shopify-webhook-id': '1',
      },
    };
    const validate = (rawBody: string) => shopify.webhooks.validate({ rawBody, rawRequest, rawResponse: {} });
    expect(await validate(text)).toMatchObject({ valid: true });
    expect(await validate(`${text} `)).toMatchObject({ valid: false });
  });

  it('twilio, of forms and of JSON', () => {
    const url = 'https://platform.test/v1/webhooks/1?a=%C3%A4';
    const form = { To: '+1 800', Body: 'käse & 😀', Empty: '', Media: ['b', 'a', 'b'] };
    const encoded = 'Body=k%C3%A4se+%26+%F0%9F%98%80&Media=b&Media=a&Empty=&To=%2B1+800&Media=b';
    const request = {
      url,
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'x-twilio-signature': getExpectedTwilioSignature('the auth token', url, form),
      },
      body: Buffer.from(encoded),
    };
    expect(isRight('twilio', 'the auth token', request)).toBe(true);
    const withPort = getExpectedTwilioSignature('the auth token', url.replace('.test/', '.test:443/'), form);
    expect(
      isRight('twilio', 'the auth token', {
        ...request,
        headers: { ...request.headers, 'x-twilio-signature': withPort },
      }),
    ).toBe(true);

    const signed = ours('twilio form');
    const params = Object.fromEntries(new URLSearchParams(signed.text));
    const signature = (headers: Readonly<Record<string, string>>) => headers['x-twilio-signature'] ?? '';
    expect(validateRequest(signed.secret, signature(signed.headers), signed.url, params)).toBe(true);
    const json = ours('twilio JSON');
    expect(validateRequestWithBody(json.secret, signature(json.headers), json.url, json.text)).toBe(true);
  });

  it('@linear/sdk', () => {
    const { secret, headers, body: bytes } = ours('linear');
    const client = new LinearWebhookClient(secret);
    expect(client.verify(bytes, headers['linear-signature'] ?? '', NOW_MS)).toBe(true);
    expect(() => client.verify(Buffer.from('{}'), headers['linear-signature'] ?? '', NOW_MS)).toThrow();
  });

  it('standardwebhooks', () => {
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const headers = {
      'webhook-id': 'msg_7',
      'webhook-timestamp': NOW,
      'webhook-signature': `v1a,else ${new Webhook(secret).sign('msg_7', new Date(NOW_MS), body)}`,
    };
    expect(isRight('standard', secret, { headers, body: Buffer.from(body) })).toBe(true);
    const mine = ours('standard');
    expect(new Webhook(mine.secret).verify(mine.text, mine.headers)).toMatchObject({ type: 'lead.scored' });
  });
});
