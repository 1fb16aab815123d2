import type { AuthMethod, JsonObject } from '@agent-platform/contracts';

/** Where the provider says whose account a connection is: an endpoint under the base URL, or a field of the token's answer. */
export interface AccountSource {
  readonly path?: string;
  /** Dotted, within the answer of `path`. */
  readonly field?: string;
  readonly tokenField?: string;
}

/** OAuth 2.0 authorization code grant (RFC 6749 section 4.1) with PKCE (RFC 7636). */
export interface OAuth2Auth {
  readonly authorizeUrl: string;
  readonly tokenUrl: string;
  /** RFC 7009. */
  readonly revokeUrl?: string;
  readonly clientId: string;
  readonly scopes?: readonly string[];
  /** Default a space. */
  readonly scopeSeparator?: string;
  /** How the client says who it is: in the form (default), or by HTTP Basic (RFC 6749 section 2.3.1). */
  readonly clientAuth?: 'body' | 'basic';
  readonly authorizeParams?: Readonly<Record<string, string>>;
  /** Whether a refresh ends the refresh token that it used; found out where it is not said. */
  readonly refreshTokenRotation?: boolean;
  readonly account?: AccountSource;
}

/** Exactly one of header, query and pathPrefix says where the key goes. */
export interface ApiKeyAuth {
  readonly header?: string;
  /** Before the key in the header. */
  readonly prefix?: string;
  readonly query?: string;
  /** Put between the base URL and the path, with `{key}` in it: `/bot{key}`. */
  readonly pathPrefix?: string;
  readonly help?: string;
  readonly account?: AccountSource;
}

const TEXT: JsonObject = { type: 'string', minLength: 1, maxLength: 1024 };
const URL_TEXT: JsonObject = { type: 'string', pattern: '^https?://[^/?#]+', maxLength: 2048 };
const ACCOUNT: JsonObject = {
  type: 'object',
  additionalProperties: false,
  properties: { path: { type: 'string', pattern: '^/', maxLength: 1024 }, field: TEXT, tokenField: TEXT },
  oneOf: [{ required: ['path', 'field'] }, { required: ['tokenField'] }],
};

/** JSON Schema (2020-12) of `auth` by method. */
export const AUTH_SCHEMAS: Readonly<Record<AuthMethod, JsonObject>> = {
  oauth2: {
    type: 'object',
    additionalProperties: false,
    required: ['authorizeUrl', 'tokenUrl', 'clientId'],
    properties: {
      authorizeUrl: URL_TEXT,
      tokenUrl: URL_TEXT,
      revokeUrl: URL_TEXT,
      clientId: TEXT,
      clientSecret: TEXT,
      scopes: { type: 'array', maxItems: 100, items: { type: 'string', minLength: 1, maxLength: 256 } },
      scopeSeparator: { type: 'string', minLength: 1, maxLength: 3 },
      clientAuth: { enum: ['body', 'basic'] },
      authorizeParams: { type: 'object', maxProperties: 20, additionalProperties: { type: 'string', maxLength: 1024 } },
      refreshTokenRotation: { type: 'boolean' },
      account: ACCOUNT,
    },
  },
  api_key: {
    type: 'object',
    additionalProperties: false,
    properties: {
      header: { type: 'string', pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", maxLength: 100 },
      prefix: { type: 'string', maxLength: 100 },
      query: TEXT,
      pathPrefix: { type: 'string', pattern: '^/[^?#]*\\{key\\}[^?#]*$', maxLength: 100 },
      help: TEXT,
      account: ACCOUNT,
    },
    oneOf: [{ required: ['header'] }, { required: ['query'] }, { required: ['pathPrefix'] }],
  },
  basic: {
    type: 'object',
    additionalProperties: false,
    properties: { help: TEXT, account: ACCOUNT },
  },
};

/** How `health` asks whether the provider works. */
export interface HealthCheck {
  /** Default GET. */
  readonly method?: string;
  readonly path: string;
  /** Such as `30s`. */
  readonly interval?: string;
  /** Default any from 200 to 399. */
  readonly expectedStatus?: number;
  readonly credential?: boolean;
}

/** Of `healthCheck`. */
export const HEALTH_CHECK_SCHEMA: JsonObject = {
  type: 'object',
  additionalProperties: false,
  required: ['path'],
  properties: {
    method: { enum: ['GET', 'HEAD', 'POST'] },
    path: { type: 'string', pattern: '^/', maxLength: 1024 },
    interval: { type: 'string', pattern: '^[1-9][0-9]{0,4}[smhd]$' },
    expectedStatus: { type: 'integer', minimum: 100, maximum: 599 },
    /** False: the request is made without the connection's credential, and also where there is no connection. */
    credential: { type: 'boolean' },
  },
};
