import { buildCall } from './call-request';
import { inject } from './inject-credential';

const BASE = 'https://api.example.com/v1';
const urlOf = (path: string, query = {}) => buildCall(BASE, {}, { path, query }).url.href;

describe('buildCall', () => {
  it('puts path and query under the base URL', () => {
    expect(urlOf('/users/1?a=b', { c: [1, 'x y'], d: null, e: false })).toBe(
      'https://api.example.com/v1/users/1?a=b&c=1&c=x+y&e=false',
    );
    expect(buildCall('https://api.example.com', {}, { path: '/x' }).url.href).toBe('https://api.example.com/x');
    expect(urlOf('//evil.example/x')).toBe('https://api.example.com/v1//evil.example/x');
    expect(urlOf('/@evil.example')).toBe('https://api.example.com/v1/@evil.example');
  });

  it.each([
    'x',
    '',
    '/..',
    '/../v2',
    '/a/../../v2',
    '/%2e%2e/v2',
    '/..%2f..',
    '/a b',
    '/a\tb',
    '/a\nb',
    '\\\\evil.example',
    '/\\..\\..\\x',
    '/a#b',
    '.evil.example/x',
    '@evil.example/x',
    ':8080/x',
    'https://user:pw@api.example.com/x',
    'https://',
    'ftp://api.example.com',
    '/\ud800',
  ])('never leaves the base URL by %j', (path) => {
    let url: URL;
    try {
      ({ url } = buildCall(BASE, {}, { path }));
    } catch (error) {
      expect(error).toMatchObject({ code: 'request.invalid' });
      return;
    }
    expect(url.origin).toBe('https://api.example.com');
    expect(`${url.pathname}/`).toMatch(/^\/v1\//);
  });

  it('sends text as it is and anything else as JSON, and nothing with GET', () => {
    expect(buildCall(BASE, {}, { path: '/', method: 'POST', body: 'a' })).toMatchObject({ body: 'a' });
    expect(buildCall(BASE, {}, { path: '/', method: 'PUT', body: [1] })).toMatchObject({
      body: '[1]',
      headers: { 'content-type': 'application/json' },
    });
    expect(buildCall(BASE, {}, { path: '/', body: [1] }).body).toBeUndefined();
  });

  it("lets the caller's headers go before those of the definition", () => {
    const { headers } = buildCall(BASE, { accept: 'a', 'x-version': '1' }, { path: '/', headers: { Accept: 'b' } });
    expect(headers).toEqual({ accept: 'b', 'x-version': '1' });
    expect(() => buildCall(BASE, {}, { path: '/', headers: { a: {} } })).toThrow('headers.a');
  });
});

describe('inject', () => {
  const target = { baseUrl: BASE, auth: {}, allowedHosts: ['api.example.com', '*.files.example.com'], headers: {} };
  const hosts = target.allowedHosts;
  const apiKey = { type: 'api_key', hosts, apiKey: 'secret/key:1' } as const;

  it('puts a credential where the definition says', () => {
    const url = new URL(`${BASE}/x?key=mine`);
    const by = (auth: object) => inject({ ...target, auth: auth as never }, apiKey, url);
    expect(by({ header: 'X-Key', prefix: 'Key ' }).headers).toEqual({ 'x-key': 'Key secret/key:1' });
    expect(by({ query: 'key' }).url.href).toBe(`${BASE}/x?key=secret%2Fkey%3A1`);
    expect(by({ pathPrefix: '/bot{key}' }).url.href).toBe(`${BASE}/botsecret%2Fkey:1/x?key=mine`);
    expect(inject(target, { type: 'basic', hosts, username: 'a', password: 'ü' }, url).headers).toEqual({
      authorization: `Basic ${Buffer.from('a:ü').toString('base64')}`,
    });
  });

  it.each([
    'https://evil.example/x',
    'https://api.example.com.evil.example/',
    'https://xapi.example.com/',
    'https://api.example.com:8443/',
    'https://files.example.com/',
    'https://evilfiles.example.com/',
  ])('refuses %s', (url) => {
    expect(() => inject(target, apiKey, new URL(url))).toThrow('integration.host.not-allowed');
  });

  it('refuses a host that became allowed after the credential was given', () => {
    const moved = { ...target, allowedHosts: ['evil.example'] };
    expect(() => inject(moved, apiKey, new URL('https://evil.example/x'))).toThrow('Connect it again');
    const url = new URL('https://a.files.example.com/x');
    expect(inject({ ...target, auth: { header: 'k' } }, apiKey, url).headers).toEqual({ k: 'secret/key:1' });
  });
});
