import { Webhook } from 'standardwebhooks';
import { newSigningSecret, rotated, signaturesOf } from './signing-secret';

const now = Math.floor(Date.now() / 1000);
const BODY = '{"hello": "wörld"}';

function headersOf(signature: string) {
  return { 'webhook-id': 'msg_1', 'webhook-timestamp': String(now), 'webhook-signature': signature };
}

it('signs the example of the specification', () => {
  // standard-webhooks/standard-webhooks, spec/standard-webhooks.md and the tests of its libraries.
  const secrets = [{ secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', untilMs: null }];
  expect(signaturesOf({ secrets }, 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330, '{"test": 2432232314}')).toBe(
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  );
});

it('is verified by the library', () => {
  const secret = newSigningSecret();
  const signature = signaturesOf({ secrets: [{ secret, untilMs: null }] }, 'msg_1', now, BODY);
  expect(new Webhook(secret).verify(BODY, headersOf(signature))).toEqual({ hello: 'wörld' });
  expect(() => new Webhook(newSigningSecret()).verify(BODY, headersOf(signature))).toThrow();
});

it('signs with the secret before for as long as the rotation lasts', () => {
  const [first, second] = [newSigningSecret(), newSigningSecret()];
  const secrets = rotated({ secrets: [{ secret: first, untilMs: null }] }, second, 1000, 5000);
  expect(signaturesOf({ secrets }, 'msg_1', now, BODY, 5999).split(' ')).toHaveLength(2);
  const later = signaturesOf({ secrets }, 'msg_1', now, BODY, 6000);
  expect(new Webhook(second).verify(BODY, headersOf(later))).toBeDefined();
  expect(() => new Webhook(first).verify(BODY, headersOf(later))).toThrow();
});

it('keeps no more than three secrets, and none of a rotation without grace', () => {
  let secrets: ReturnType<typeof rotated> = [{ secret: newSigningSecret(), untilMs: null }];
  for (let n = 0; n < 5; n++) secrets = rotated({ secrets }, newSigningSecret(), 10_000, 0);
  expect(secrets).toHaveLength(3);
  expect(rotated({ secrets: secrets.slice(0, 1) }, newSigningSecret(), 0, 0)).toHaveLength(1);
});
