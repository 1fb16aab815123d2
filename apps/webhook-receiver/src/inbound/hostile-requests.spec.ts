import { PROVIDERS, requestOf, signatureOf, signedRequest, type Provider } from '../../test/sign-webhooks';
import { readWebhook, type Expected } from './read-webhook';
import { schemeOf } from './schemes/schemes';
import type { WebhookRequest } from './webhook-request';

const NOW_MS = 1_764_500_000_000;
const TOLERANCE_MS = 300_000;

const expectedOf = ({ scheme, options = {} }: Provider, ...secrets: string[]): Expected => ({
  scheme: schemeOf(scheme, options),
  integrationName: 'crm',
  secrets,
  toleranceMs: TOLERANCE_MS,
});
const read = (provider: Provider, request: WebhookRequest, ...secrets: string[]) =>
  readWebhook(expectedOf(provider, ...(secrets.length > 0 ? secrets : [provider.secrets[0]])), request, NOW_MS);

/** What a request is made of, each part as a hostile hand may change it. */
interface Parts {
  readonly provider: Provider;
  readonly time: string;
  readonly body: string;
  readonly right: string;
  /** With these signatures in place of the right one. */
  readonly signed: (...signatures: string[]) => WebhookRequest;
  /** With the right signature, and another body. */
  readonly withBody: (body: string) => WebhookRequest;
  readonly withHeaders: (headers: Record<string, string | undefined>) => WebhookRequest;
  /** Signed as it should be, at another time. */
  readonly at: (time: string) => WebhookRequest;
}

function partsOf(provider: Provider): Parts {
  const time = provider.timeText?.(NOW_MS) ?? '';
  const body = provider.body(time);
  const sign = (secret: string, unsigned: { body: string; time: string }) =>
    signatureOf(provider, { secret, ...unsigned });
  const right = sign(provider.secrets[0], { body, time });
  const request = requestOf(provider, [right], { body, time });
  return {
    provider,
    time,
    body,
    right,
    signed: (...signatures) => requestOf(provider, signatures, { body, time }),
    withBody: (changed) => ({ ...request, body: Buffer.from(changed) }),
    withHeaders: (headers) => ({
      ...request,
      headers: Object.fromEntries(
        Object.entries({ ...request.headers, ...headers }).flatMap(([name, value]) =>
          value === undefined ? [] : [[name, value]],
        ),
      ),
    }),
    at: (other) => {
      const unsigned = { body: provider.body(other), time: other };
      return requestOf(provider, [sign(provider.secrets[0], unsigned)], unsigned);
    },
  };
}

const otherCase = (text: string) => (text === text.toLowerCase() ? text.toUpperCase() : text.toLowerCase());
const spliced = (text: string, at: number, piece: string) => text.slice(0, at) + piece + text.slice(at + piece.length);

/** Of every scheme. */
const SIGNATURES: Readonly<Record<string, (parts: Parts) => WebhookRequest>> = {
  'no signature': ({ provider, withHeaders }) => withHeaders({ [provider.header]: undefined }),
  'an empty signature': ({ provider, withHeaders }) => withHeaders({ [provider.header]: '' }),
  'nothing behind what stands before a signature': ({ signed }) => signed(''),
  'the signature of another secret': ({ provider, body, time, signed }) =>
    signed(signatureOf(provider, { secret: 'another-secret-of-somebody-else', body, time })),
  'the signature of an empty secret': ({ provider, body, time, signed }) =>
    signed(signatureOf({ ...provider, key: undefined }, { secret: '', body, time })),
  'the signature of the body as it would be written again': ({ provider, body, time, signed }) =>
    signed(signatureOf(provider, { secret: provider.secrets[0], body: provider.rewritten(body), time })),
  'a signature that lacks its last character': ({ right, signed }) => signed(right.slice(0, -1)),
  'a signature that lacks its first character': ({ right, signed }) => signed(right.slice(1)),
  'half a signature': ({ right, signed }) => signed(right.slice(0, right.length / 2)),
  'a signature with one character more': ({ right, signed }) => signed(`${right}0`),
  'a doubled signature': ({ right, signed }) => signed(right + right),
  'a blank before the signature': ({ right, signed }) => signed(` ${right}`),
  'a blank behind the signature': ({ right, signed }) => signed(`${right} `),
  'a blank within the signature': ({ right, signed }) => signed(spliced(right, 7, ' ')),
  'a line end behind the signature': ({ right, signed }) => signed(`${right}\n`),
  'the other case': ({ right, signed }) => signed(otherCase(right)),
  'a character that is none of its alphabet': ({ right, signed }) => signed(spliced(right, 3, '!')),
  'a character of the other base64 alphabet': ({ right, signed }) => signed(spliced(right, 3, '-')),
  'a character beyond ASCII': ({ right, signed }) => signed(spliced(right, 3, 'é')),
  'NUL in place of a character': ({ right, signed }) => signed(spliced(right, 3, '\u0000')),
  'a wrong first character': ({ right, signed }) => signed(spliced(right, 0, right.startsWith('0') ? '1' : '0')),
  'nothing but zeros': ({ right, signed }) => signed('0'.repeat(right.length)),
  'the right digest in the other encoding': ({ provider, body, time, signed }) =>
    signed(
      signatureOf(
        provider,
        { secret: provider.secrets[0], body, time },
        { encoding: provider.encoding === 'hex' ? 'base64' : 'hex' },
      ),
    ),
  'SHA-1 where SHA-2 is wanted, MD5 where SHA-1 is': ({ provider, body, time, signed }) =>
    signed(
      signatureOf(
        provider,
        { secret: provider.secrets[0], body, time },
        { algorithm: provider.algorithm === 'sha1' ? 'md5' : 'sha1' },
      ),
    ),
  'SHA-384': ({ provider, body, time, signed }) =>
    signed(signatureOf(provider, { secret: provider.secrets[0], body, time }, { algorithm: 'sha384' })),
  'the older header with SHA-1 alone': ({ provider, body, time, withHeaders }) =>
    withHeaders({
      [provider.header]: undefined,
      'x-hub-signature': `sha1=${signatureOf(provider, { secret: provider.secrets[0], body, time }, { algorithm: 'sha1', encoding: 'hex' })}`,
    }),
  'the right signature under another name': ({ provider, right, withHeaders }) =>
    withHeaders({ [provider.header]: undefined, 'x-webhook-signature': right }),
  'the form of another scheme': ({ provider, right, withHeaders }) =>
    withHeaders({ [provider.header]: provider.name === 'github' ? `v0=${right}` : `sha256=${right}` }),
  'another version before the signature': ({ provider, right, withHeaders }) =>
    withHeaders({ [provider.header]: `v9=${right}` }),
  'a header that came twice': ({ provider, signed, withHeaders, right }) => {
    const value = signed(right).headers[provider.header] ?? '';
    return withHeaders({ [provider.header]: `${value}, ${value}` });
  },
  'two signatures of which none is right': ({ provider, body, time, signed }) =>
    signed(
      ...['wrong-secret-number-one', 'wrong-secret-number-two'].map((secret) =>
        signatureOf(provider, { secret, body, time }),
      ),
    ),
};

const BODIES: typeof SIGNATURES = {
  'a changed byte': ({ body, withBody }) => withBody(spliced(body, 5, body[5] === 'x' ? 'y' : 'x')),
  'a byte more': ({ body, withBody }) => withBody(`${body} `),
  'a byte less': ({ body, withBody }) => withBody(body.slice(0, -1)),
  'an empty body': ({ withBody }) => withBody(''),
  'the body written again': ({ provider, body, withBody }) => withBody(provider.rewritten(body)),
  'a byte order mark': ({ body, withBody }) => withBody(`\ufeff${body}`),
  'a line end of another system': ({ body, withBody }) => withBody(`${body}\r\n`),
};

/** Signed with the right secret, and wrong in their time alone. */
const TIMES: typeof SIGNATURES = {
  'a time that is a second too old': ({ provider, at }) => at(provider.timeText?.(NOW_MS - TOLERANCE_MS - 1000) ?? ''),
  'a time of a day ago': ({ provider, at }) => at(provider.timeText?.(NOW_MS - 86_400_000) ?? ''),
  'a time that is a second too far in the future': ({ provider, at }) =>
    at(provider.timeText?.(NOW_MS + TOLERANCE_MS + 1000) ?? ''),
  'the beginning of time': ({ at }) => at('0'),
  'a negative time': ({ time, at }) => at(`-${time}`),
  'a huge time': ({ time, at }) => at(`${time}${time}`),
  'a time in hex': ({ at }) => at(`0x${Math.floor(NOW_MS / 1000).toString(16)}`),
  'a word': ({ at }) => at('soon'),
  'a time with a fraction': ({ time, at }) => at(`${time}.5`),
  'a time with an exponent': ({ at }) => at('1.7645e9'),
  'a plus before the time': ({ time, at }) => at(`+${time}`),
  'an empty time': ({ at }) => at(''),
  'a time in another unit': ({ at, time }) => at(time.length === 13 ? time.slice(0, 10) : `${time}0000`),
  'a time that was changed': ({ provider, right, body, time }) =>
    provider.time === 'body'
      ? requestOf(provider, [right], { body: provider.body(provider.timeText?.(NOW_MS - 1000) ?? ''), time })
      : requestOf(provider, [right], { body, time: provider.timeText?.(NOW_MS - 1000) ?? '' }),
};
const TIMES_OF_HEADERS: typeof SIGNATURES = {
  'no time': ({ provider, withHeaders }) => withHeaders({ [headerOf(provider)]: undefined }),
  'a time that came twice': ({ provider, time, withHeaders }) =>
    withHeaders({ [headerOf(provider)]: `${time}, ${time}` }),
};
const TIMES_OF_LISTS: typeof SIGNATURES = {
  'no time': ({ provider, right, withHeaders }) => withHeaders({ [provider.header]: `v1=${right}` }),
  'two times': ({ provider, time, right, withHeaders }) =>
    withHeaders({ [provider.header]: `t=${time},t=${time},v1=${right}` }),
};

const ADDRESSES: typeof SIGNATURES = {
  'another path': ({ signed, right }) => ({ ...signed(right), url: signed(right).url.replace('0b1c', '0b1d') }),
  'another host': ({ signed, right }) => ({ ...signed(right), url: signed(right).url.replace('platform', 'other') }),
  'another protocol': ({ signed, right }) => ({ ...signed(right), url: signed(right).url.replace('https', 'http') }),
  'a query more': ({ signed, right }) => ({
    ...signed(right),
    url: `${signed(right).url}${signed(right).url.includes('?') ? '&' : '?'}a=b`,
  }),
};
const METHODS: typeof SIGNATURES = {
  'another method': ({ signed, right }) => ({ ...signed(right), method: 'PUT' }),
};

function headerOf({ time }: Provider): string {
  if (typeof time !== 'object') throw new Error('the time is in no header of its own');
  return time.header;
}

function variantsFor(provider: Provider): typeof SIGNATURES {
  return {
    ...SIGNATURES,
    ...BODIES,
    ...(provider.time !== 'none' && TIMES),
    ...(typeof provider.time === 'object' && TIMES_OF_HEADERS),
    ...(provider.time === 'list' && TIMES_OF_LISTS),
    ...(provider.signs !== 'no url' && ADDRESSES),
    ...(provider.signs === 'url and method' && METHODS),
  };
}

it('covers every scheme, with at least 30 variants each', () => {
  expect(new Set(PROVIDERS.map(({ scheme }) => scheme)).size).toBe(14);
  for (const provider of PROVIDERS) expect(Object.keys(variantsFor(provider)).length).toBeGreaterThanOrEqual(30);
});

describe.each(PROVIDERS.map((provider) => [provider.name, provider] as const))('%s', (_name, provider) => {
  it('takes what its provider signs, to the ends of the tolerance', () => {
    expect(read(provider, signedRequest(provider, NOW_MS)).kind).toBe('delivery');
    for (const ms of [NOW_MS - TOLERANCE_MS, NOW_MS + TOLERANCE_MS])
      expect(read(provider, signedRequest(provider, ms)).kind).toBe('delivery');
  });

  it('takes both secrets while one is replaced by the other', () => {
    const [old, fresh] = provider.secrets;
    for (const secret of [old, fresh])
      expect(read(provider, signedRequest(provider, NOW_MS, secret), old, fresh).kind).toBe('delivery');
    expect(read(provider, signedRequest(provider, NOW_MS, old), fresh).kind).toBe('refused');
    expect(readWebhook(expectedOf(provider), signedRequest(provider, NOW_MS, old), NOW_MS).kind).toBe('refused');
  });

  if (provider.lists)
    it('takes several signatures of which one is right', () => {
      const { right, body, time } = partsOf(provider);
      const wrong = signatureOf(provider, { secret: 'another-secret-of-somebody-else', body, time });
      for (const signatures of [
        [wrong, right],
        [right, wrong],
      ])
        expect(read(provider, requestOf(provider, signatures, { body, time })).kind).toBe('delivery');
    });

  it.each(Object.keys(variantsFor(provider)))('refuses %s', (variant) => {
    const request = variantsFor(provider)[variant]?.(partsOf(provider));
    expect(request && read(provider, request)).toEqual({ kind: 'refused', cause: expect.any(String) as string });
  });
});
