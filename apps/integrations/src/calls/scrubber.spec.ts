import fc from 'fast-check';
import { Scrubber, secretsOf } from './scrubber';

const SECRET = 'sk_live/aB+9=="\'<&>\\ü z';
const scrubber = new Scrubber([SECRET]);

describe('Scrubber', () => {
  it.each([
    ['in clear', SECRET],
    ['in JSON', JSON.stringify({ a: SECRET })],
    ['in JSON within JSON', JSON.stringify(JSON.stringify({ a: SECRET }))],
    ['percent-encoded', encodeURIComponent(SECRET)],
    ['percent-encoded in lower case', encodeURIComponent(SECRET).replace(/%../g, (digits) => digits.toLowerCase())],
    ['percent-encoded twice', encodeURIComponent(encodeURIComponent(SECRET))],
    ['every byte percent-encoded', [...Buffer.from(SECRET)].map((byte) => `%${byte.toString(16)}`).join('')],
    ['as a form', new URLSearchParams({ a: SECRET }).toString()],
    [
      'in HTML',
      SECRET.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;'),
    ],
    ['in hex', Buffer.from(SECRET).toString('hex')],
    ['in upper-case hex', Buffer.from(SECRET).toString('hex').toUpperCase()],
    ['in base64', Buffer.from(SECRET).toString('base64')],
    ['in base64url', Buffer.from(SECRET).toString('base64url')],
    ['in base64, one byte in', Buffer.from(`x${SECRET}`).toString('base64')],
    ['in base64, two bytes in', Buffer.from(`xy${SECRET} more`).toString('base64')],
    ['in base64, percent-encoded', encodeURIComponent(Buffer.from(`x${SECRET}`).toString('base64'))],
  ])('hides a secret %s', (_form, text) => {
    const shown = scrubber.text(`before ${text} after`);
    expect(shown).toMatch(/^before .*\*\*\*.* after$/);
    expect(shown.length).toBeLessThan(40);
  });

  it('hides it in names and values of JSON, however it is nested', () => {
    expect(scrubber.json({ a: [{ [SECRET]: `x ${SECRET}` }], b: 5, c: null, d: true })).toEqual({
      a: [{ '***': 'x ***' }],
      b: 5,
      c: null,
      d: true,
    });
    expect(new Scrubber(['1234567']).json({ pin: 1234567, other: 12345678, small: 1 })).toEqual({
      pin: '***',
      other: '***',
      small: 1,
    });
  });

  it('lets none of its forms through, whatever the secret and what stands around it', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 12, maxLength: 60, unit: 'grapheme-ascii' }),
        fc.string({ maxLength: 5 }),
        fc.string({ maxLength: 5 }),
        (secret, before, after) => {
          const own = new Scrubber([secret]);
          const text = `${before}${secret}${after}`;
          expect(own.text(text)).not.toContain(secret);
          const base64 = own.text(Buffer.from(text).toString('base64'));
          expect(Buffer.from(base64.replaceAll('*', ''), 'base64').toString('utf8')).not.toContain(secret);
          expect(base64).toContain('***');
        },
      ),
      { numRuns: 500 },
    );
  });

  it('leaves what is no secret as it is, special characters of patterns too', () => {
    const text = 'nothing (to) [hide] here. {"a": "b"} $& *';
    expect(new Scrubber(['.*secret', '(((((((', '$&abcdef']).text(text)).toBe(text);
    expect(new Scrubber([]).text(text)).toBe(text);
    expect(new Scrubber(['short']).text('a short text')).toBe('a short text');
  });

  it('knows what is secret of each kind of credential', () => {
    expect(secretsOf({ type: 'basic', hosts: [], username: 'mail@example.com', password: 'password1' })).toEqual([
      'password1',
      'mail@example.com:password1',
      Buffer.from('mail@example.com:password1').toString('base64'),
    ]);
    expect(secretsOf({ type: 'basic', hosts: [], username: 'sk_live_1', password: '' })).toContain('sk_live_1');
    expect(
      secretsOf({ type: 'oauth2', hosts: [], tokenUrl: '', accessToken: 'access', refreshToken: 'refresh' }),
    ).toEqual(['access', 'refresh']);
  });
});
