import type { AuthMethod, JsonObject } from '@agent-platform/contracts';
import { AUTH_SCHEMAS, HEALTH_CHECK_SCHEMA } from '../integrations/auth-definition';

/** A ready definition of the catalogue. `{variables}` may stand in its URLs and hosts. */
export interface Provider {
  readonly id: string;
  readonly title: string;
  readonly baseUrl: string;
  readonly variables?: Readonly<Record<string, { readonly description: string; readonly pattern: string }>>;
  readonly allowedHosts: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  /** The first is the default. */
  readonly authMethods: Readonly<Partial<Record<AuthMethod, JsonObject>>>;
  readonly healthCheck?: JsonObject;
  readonly rateLimitRpm?: number;
  /** The provider's pages that the figures were taken from. */
  readonly sources: readonly { readonly url: string; readonly for: string }[];
}

/** Without what the operator brings: client id and secret. */
function ofCatalogue(method: AuthMethod): JsonObject {
  const schema = AUTH_SCHEMAS[method];
  const properties = { ...(schema.properties as JsonObject), help: { type: 'string', minLength: 1, maxLength: 1024 } };
  const others = Object.entries(properties).filter(([name]) => !['clientId', 'clientSecret'].includes(name));
  return {
    ...schema,
    properties: Object.fromEntries(others),
    ...(method === 'oauth2' && { required: ['authorizeUrl', 'tokenUrl'] }),
  };
}

const TEXT: JsonObject = { type: 'string', minLength: 1 };

/** JSON Schema (2020-12) of a data file of the catalogue. */
export const PROVIDER_SCHEMA: JsonObject = {
  type: 'object',
  additionalProperties: false,
  required: ['id', 'title', 'baseUrl', 'allowedHosts', 'authMethods', 'sources'],
  properties: {
    id: { type: 'string', pattern: '^[a-z][a-z0-9]*$' },
    title: TEXT,
    baseUrl: { type: 'string', pattern: '^https://' },
    variables: {
      type: 'object',
      additionalProperties: {
        type: 'object',
        additionalProperties: false,
        required: ['description', 'pattern'],
        properties: { description: TEXT, pattern: { type: 'string', pattern: '^\\^.*\\$$' } },
      },
    },
    allowedHosts: { type: 'array', minItems: 1, items: TEXT },
    headers: { type: 'object', propertyNames: { pattern: '^[a-z0-9-]+$' }, additionalProperties: TEXT },
    authMethods: {
      type: 'object',
      minProperties: 1,
      additionalProperties: false,
      properties: {
        oauth2: ofCatalogue('oauth2'),
        api_key: ofCatalogue('api_key'),
        basic: ofCatalogue('basic'),
      },
    },
    healthCheck: HEALTH_CHECK_SCHEMA,
    rateLimitRpm: { type: 'integer', minimum: 1, maximum: 100_000 },
    sources: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['url', 'for'],
        properties: { url: { type: 'string', pattern: '^https://' }, for: TEXT },
      },
    },
  },
};
