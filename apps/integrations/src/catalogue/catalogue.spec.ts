import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { AuthMethod, JsonObject } from '@agent-platform/contracts';
import { findSlowPattern } from '@agent-platform/shared-security';
import { validatorOf } from '../integrations/check-json';
import { newDefinition } from '../integrations/definition';
import { isAllowedHost } from '../integrations/hosts';
import { CATALOGUE, resolveProvider } from './catalogue';
import { PROVIDER_SCHEMA, type Provider } from './provider-schema';

const validate = validatorOf(PROVIDER_SCHEMA);
const WANTED =
  'github gitlab google microsoft slack notion linear jira hubspot salesforce stripe shopify twilio sendgrid zendesk airtable ' +
  'discord dropbox asana pagerduty openai anthropic mistral postmark telegram';
const variablesOf = ({ variables = {} }: Provider) =>
  Object.fromEntries(Object.keys(variables).map((name) => [name, 'acme']));

it('holds every data file, and each of the 25 providers', () => {
  const files = readdirSync(join(__dirname, 'providers')).map((file) => file.replace('.json', ''));
  expect([...CATALOGUE.keys()].sort()).toEqual(files.sort());
  expect([...CATALOGUE.keys()]).toEqual(expect.arrayContaining(WANTED.split(' ')));
});

describe.each([...CATALOGUE])('%s', (id, provider) => {
  it('has the form of a data file', () => {
    validate(provider);
    expect(validate.errors).toBeNull();
    expect(findSlowPattern(Object.values(provider.variables ?? {}))).toBeUndefined();
    expect(Object.keys(provider)[0]).toBe('id');
  });

  it('names the page of each figure', () => {
    const figures = provider.sources.map((source) => source.for);
    expect(figures).toContain('authorization');
    if (provider.rateLimitRpm !== undefined) expect(figures).toContain('rate limit');
  });

  it('makes a definition for each way to authenticate', () => {
    const methods = Object.keys(provider.authMethods) as AuthMethod[];
    expect(methods.length).toBeGreaterThan(0);
    for (const authMethod of methods) {
      const auth: JsonObject = authMethod === 'oauth2' ? { clientId: 'id', clientSecret: 'secret' } : {};
      const { definition } = newDefinition({ name: id, from: id, authMethod, auth, variables: variablesOf(provider) });
      expect(JSON.stringify(definition.baseUrl + definition.allowedHosts.join())).not.toMatch(/[{}]/);
      expect(isAllowedHost(new URL(definition.baseUrl), definition.allowedHosts)).toBe(true);
      expect(definition.authMethod).toBe(authMethod);
    }
  });
});

describe('resolveProvider', () => {
  it('tells what the catalogue has where it lacks a name', () => {
    expect(() => resolveProvider('githab', undefined, {})).toThrow('github');
    for (const name of ['constructor', '__proto__', '']) {
      expect(() => resolveProvider(name, undefined, {})).toThrow('integration.provider.unknown');
    }
  });

  it('refuses variables that are missing, unknown or could lead to another host', () => {
    for (const subdomain of ['a.b', 'evil.example/', 'x@evil', 'x:80', 'a b', '', 'a\nb', 5]) {
      expect(() => resolveProvider('zendesk', 'basic', { subdomain })).toThrow('integration.definition.invalid');
    }
    expect(() => resolveProvider('zendesk', 'basic', {})).toThrow('variables.subdomain');
    expect(() => resolveProvider('github', 'api_key', { x: 'y' })).toThrow('variables.x');
    expect(() => resolveProvider('github', 'basic', {})).toThrow('authMethod');
    expect(resolveProvider('zendesk', 'basic', { subdomain: 'acme' })).toMatchObject({
      baseUrl: 'https://acme.zendesk.com/api/v2',
      allowedHosts: ['acme.zendesk.com'],
    });
  });
});
