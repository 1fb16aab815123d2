import type { CreateIntegrationRequest } from '@agent-platform/contracts';
import type { AppError } from '@agent-platform/errors';
import { changedDefinition, newDefinition } from './definition';
import { isAllowedHost, isSafeForSecrets } from './hosts';

const OAUTH = { authorizeUrl: 'https://a.example/auth', tokenUrl: 'https://a.example/token', clientId: 'id' };
const BASE: CreateIntegrationRequest = {
  name: 'crm',
  baseUrl: 'https://api.example.com/v1/',
  authMethod: 'api_key',
  auth: { header: 'authorization' },
};
const oauth = (auth: object) =>
  ({ ...BASE, authMethod: 'oauth2', auth: { ...OAUTH, ...auth } }) as CreateIntegrationRequest;
const pathsOf = (request: object): string[] => {
  try {
    newDefinition({ ...BASE, ...request });
    return [];
  } catch (error) {
    return ((error as AppError).options.errors ?? []).map(({ path }) => path);
  }
};

describe('newDefinition', () => {
  it('fills in what is not given, and keeps the client secret apart', () => {
    expect(newDefinition(BASE).definition).toMatchObject({
      baseUrl: 'https://api.example.com/v1',
      allowedHosts: ['api.example.com'],
      headers: {},
      rateLimitRpm: null,
      healthCheck: null,
    });
    const { definition, clientSecret } = newDefinition(oauth({ clientSecret: 'hush' }));
    expect(clientSecret).toBe('hush');
    expect(JSON.stringify(definition)).not.toContain('hush');
  });

  it.each([
    ['baseUrl', { baseUrl: undefined }],
    ['baseUrl', { baseUrl: 'http://api.example.com' }],
    ['baseUrl', { baseUrl: 'https://user:pw@api.example.com' }],
    ['baseUrl', { baseUrl: 'https://api.example.com?a=b' }],
    ['baseUrl', { baseUrl: 'https://api.example.com#a' }],
    ['baseUrl', { baseUrl: 'nonsense' }],
    ['authMethod', { authMethod: undefined }],
    ['auth', { auth: {} }],
    ['auth', { auth: { header: 'a', query: 'b' } }],
    ['auth.header', { auth: { header: 'a b' } }],
    ['auth.colour', { auth: { header: 'a', colour: 1 } }],
    ['auth.pathPrefix', { auth: { pathPrefix: '/bot' } }],
    ['auth.clientId', { ...oauth({}), auth: { authorizeUrl: OAUTH.authorizeUrl, tokenUrl: OAUTH.tokenUrl } }],
    ['auth.tokenUrl', oauth({ tokenUrl: 'http://a.example/token' })],
    ['auth.tokenUrl', oauth({ tokenUrl: 'https://u:p@a.example/token' })],
    ['auth.authorizeUrl', oauth({ authorizeUrl: 'javascript:alert(1)' })],
    ['auth.revokeUrl', oauth({ revokeUrl: 5 })],
    ['auth.scopes', oauth({ scopes: 'repo' })],
    ['auth.clientAuth', oauth({ clientAuth: 'jwt' })],
    ['auth.account', oauth({ account: { path: '/me' } })],
    ['allowedHosts[0]', { allowedHosts: ['https://api.example.com'] }],
    ['allowedHosts[1]', { allowedHosts: ['api.example.com', '*'] }],
    ['allowedHosts[0]', { allowedHosts: ['*.*.example.com'] }],
    ['allowedHosts[0]', { allowedHosts: ['a b'] }],
    ['allowedHosts', { allowedHosts: [] }],
    ['headers.a b', { headers: { 'a b': 'c' } }],
    ['headers.a', { headers: { a: 'b\r\nc: d' } }],
    ['headers.a', { headers: { a: 5 } }],
    ['healthCheck.path', { healthCheck: {} }],
    ['healthCheck.method', { healthCheck: { path: '/', method: 'DELETE' } }],
    ['healthCheck.interval', { healthCheck: { path: '/', interval: '5' } }],
    ['healthCheck.credential', { healthCheck: { path: '/', credential: 'no' } }],
    ['grants[0].agentId', { grants: [{ agentId: 'x' }] }],
    ['grants[0].connection', { grants: [{ agentId: '01938f9e-7c1e-7000-8000-000000000001', connection: 'mine' }] }],
    ['variables', { variables: {} }],
    ['openapi.openapi', { openapi: { swagger: '2.0' } }],
  ])('refuses a wrong %s: %j', (path, request) => {
    expect(pathsOf(request)).toContain(path);
  });

  it('refuses a second grant for the same agent', () => {
    const grant = { agentId: '01938f9e-7c1e-7000-8000-000000000001' };
    expect(pathsOf({ grants: [grant, grant] })).toEqual(['grants[0].agentId', 'grants[1].agentId'].slice(1));
  });
});

describe('webhook', () => {
  const SECRET = 'a secret that is long enough';
  const whsec = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
  const paths = (webhook: object) => pathsOf({ webhook });

  it('is kept without its secrets', () => {
    const { definition, webhookSecrets } = newDefinition({ ...BASE, webhook: { scheme: 'github', secrets: [SECRET] } });
    expect(definition.webhook).toEqual({ scheme: 'github', toleranceSeconds: 300, options: {} });
    expect(webhookSecrets).toEqual([SECRET]);
    expect(JSON.stringify(definition)).not.toContain(SECRET);
    expect(newDefinition(BASE)).toMatchObject({ definition: { webhook: null } });
    expect(newDefinition({ ...BASE, webhook: { scheme: 'none' } })).toMatchObject({ definition: { webhook: null } });
  });

  it.each([
    ['webhook.scheme', {}],
    ['webhook.scheme', { secrets: [SECRET] }],
    ['webhook.scheme', { scheme: 'bitbucket', secrets: [SECRET] }],
    ['webhook.scheme', { scheme: 7, secrets: [SECRET] }],
    ['webhook.scheme', { scheme: 'toString', secrets: [SECRET] }],
    ['webhook.secrets', { scheme: 'stripe' }],
    ['webhook.secrets', { scheme: 'stripe', secrets: [] }],
    ['webhook.secrets', { scheme: 'stripe', secrets: SECRET }],
    ['webhook.secrets', { scheme: 'stripe', secrets: [1, 2, 3, 4, 5, 6].map((n) => SECRET + n) }],
    ['webhook.secrets', { scheme: 'stripe', secrets: [SECRET, SECRET] }],
    ['webhook.secrets[0]', { scheme: 'stripe', secrets: [''] }],
    ['webhook.secrets[1]', { scheme: 'stripe', secrets: [SECRET, 'too short'] }],
    ['webhook.secrets[0]', { scheme: 'github', secrets: ['short'] }],
    ['webhook.secrets[0]', { scheme: 'stripe', secrets: [`${SECRET}\n`] }],
    ['webhook.secrets[0]', { scheme: 'stripe', secrets: [` ${SECRET}`] }],
    ['webhook.secrets[0]', { scheme: 'standard', secrets: [SECRET] }],
    ['webhook.secrets[0]', { scheme: 'standard', secrets: ['whsec_c2hvcnQgc2VjcmV0'] }],
    ['webhook.toleranceSeconds', { scheme: 'stripe', secrets: [SECRET], toleranceSeconds: 0 }],
    ['webhook.toleranceSeconds', { scheme: 'stripe', secrets: [SECRET], toleranceSeconds: 86_401 }],
    ['webhook.toleranceSeconds', { scheme: 'stripe', secrets: [SECRET], toleranceSeconds: 1.5 }],
    ['webhook.header', { scheme: 'stripe', secrets: [SECRET], header: 'x-a' }],
    ['webhook.header', { scheme: 'hmac', secrets: [SECRET] }],
    ['webhook.header', { scheme: 'hmac', secrets: [SECRET], header: 'a b' }],
    ['webhook.header', { scheme: 'hmac', secrets: [SECRET], header: 'Authorization' }],
    ['webhook.algorithm', { scheme: 'hmac', secrets: [SECRET], header: 'x-a', algorithm: 'sha1' }],
    ['webhook.encoding', { scheme: 'hmac', secrets: [SECRET], header: 'x-a', encoding: 'base32' }],
    ['webhook.template', { scheme: 'hmac', secrets: [SECRET], header: 'x-a', template: 'constant' }],
    ['webhook.template', { scheme: 'hmac', secrets: [SECRET], header: 'x-a', template: '{body}{constructor}' }],
    ['webhook.template', { scheme: 'hmac', secrets: [SECRET], header: 'x-a', template: '{timestamp}{body}' }],
    [
      'webhook.template',
      { scheme: 'hmac', secrets: [SECRET], header: 'x-a', timestampHeader: 'x-t', template: '{body}' },
    ],
    ['webhook.template', { scheme: 'hmac', secrets: [SECRET], header: 'x-a', template: '{id}{body}' }],
    ['webhook', { scheme: 'hmac', secrets: [SECRET], header: 'x-a', eventHeader: 'x-e', eventField: 'e' }],
    ['webhook.secrets', { scheme: 'none', secrets: [SECRET] }],
  ])('refuses a wrong %s: %j', (path, webhook) => expect(paths(webhook)).toContain(path));

  it.each([
    { scheme: 'standard', secrets: [whsec, whsec.slice('whsec_'.length)] },
    {
      scheme: 'hmac',
      secrets: [SECRET],
      header: 'X-Signature',
      timestampHeader: 'x-t',
      template: 'v0:{timestamp}:{body}',
    },
  ])('takes %j', (webhook) => expect(paths(webhook)).toEqual([]));

  it('keeps what a change does not give, of the same scheme alone', () => {
    const webhook = { scheme: 'hmac', secrets: [SECRET], header: 'x-a', toleranceSeconds: 60 };
    const before = newDefinition({ ...BASE, webhook }).definition;
    const changed = (change: object) => changedDefinition(before, { id: 'crm', ...change });
    expect(changed({ name: 'other' })).toMatchObject({
      definition: { webhook: before.webhook },
      webhookSecrets: undefined,
    });
    expect(changed({ webhook: { prefix: 'v1=' } }).definition.webhook).toEqual({
      scheme: 'hmac',
      toleranceSeconds: 60,
      options: { header: 'x-a', prefix: 'v1=' },
    });
    expect(changed({ webhook: { secrets: [`${SECRET}2`] } }).webhookSecrets).toEqual([`${SECRET}2`]);
    expect(changed({ webhook: { scheme: 'none' } }).definition.webhook).toBeNull();
    expect(changed({ webhook: { scheme: 'github', secrets: [SECRET] } }).definition.webhook).toEqual({
      scheme: 'github',
      toleranceSeconds: 300,
      options: {},
    });
    expect(() => changed({ webhook: { scheme: 'github' } })).toThrow('webhook.secrets');
  });
});

describe('changedDefinition', () => {
  const before = newDefinition(oauth({ scopes: ['a'] })).definition;

  it('keeps what is not given', () => {
    const { definition } = changedDefinition(before, { id: 'crm', auth: { scopes: ['b'] }, rateLimitRpm: 5 });
    expect(definition).toEqual({ ...before, auth: { ...OAUTH, scopes: ['b'] }, rateLimitRpm: 5 });
  });

  it('takes another method with its own fields alone', () => {
    expect(changedDefinition(before, { id: 'crm', authMethod: 'basic', auth: {} }).definition.auth).toEqual({});
    expect(() => changedDefinition(before, { id: 'crm', authMethod: 'api_key' })).toThrow('auth');
  });

  it('lets the hosts follow the base URL', () => {
    const { definition } = changedDefinition(before, { id: 'crm', baseUrl: 'https://other.example' });
    expect(definition.allowedHosts).toEqual(['other.example']);
  });
});

describe('hosts', () => {
  it('compares whole names, with their port', () => {
    const allows = (url: string, ...hosts: string[]) => isAllowedHost(new URL(url), hosts);
    expect(allows('https://API.example.com./x', 'api.example.com')).toBe(true);
    expect(allows('https://api.example.com:443/x', 'api.example.com')).toBe(true);
    expect(allows('http://127.0.0.1:80', '127.0.0.1')).toBe(true);
    expect(allows('http://127.0.0.1:81', '127.0.0.1')).toBe(false);
    expect(allows('https://a.b.example.com', '*.example.com')).toBe(true);
    expect(allows('https://example.com', '*.example.com')).toBe(false);
    expect(allows('https://example.com.evil.example', 'example.com')).toBe(false);
  });

  it.each(['https://x.example', 'http://crm:8080', 'http://127.0.0.1', 'http://[::1]', 'http://crm.prod.svc'])(
    'lets a credential travel to %s',
    (url) => expect(isSafeForSecrets(new URL(url))).toBe(true),
  );

  it.each(['http://x.example', 'http://crm.svc.example', 'ws://localhost', 'ftp://localhost'])('but not to %s', (url) =>
    expect(isSafeForSecrets(new URL(url))).toBe(false),
  );
});
