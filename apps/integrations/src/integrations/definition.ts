import {
  GRANTED_CONNECTIONS,
  type AuthMethod,
  type CreateIntegrationRequest,
  type GrantedConnection,
  type Json,
  type JsonObject,
  type UpdateIntegrationRequest,
} from '@agent-platform/contracts';
import type { FieldError } from '@agent-platform/errors';
import { fieldErrors } from '@agent-platform/json-schema';
import { isUuid } from '@agent-platform/shared-security';
import { resolveProvider } from '../catalogue/catalogue';
import { AUTH_SCHEMAS, HEALTH_CHECK_SCHEMA } from './auth-definition';
import { refuse, validatorOf } from './check-json';
import { HOST_ENTRY, isSafeForSecrets } from './hosts';
import { readOpenApi, type OperationDefinition } from './openapi';
import { checkWebhook, type WebhookChange, type WebhookDefinition } from './webhook-definition';

/** A definition that was checked as a whole. */
export interface Definition {
  readonly name: string;
  readonly provider: string | null;
  readonly baseUrl: string;
  readonly authMethod: AuthMethod;
  /** Without the client secret. */
  readonly auth: JsonObject;
  readonly headers: Readonly<Record<string, string>>;
  readonly allowedHosts: readonly string[];
  readonly healthCheck: JsonObject | null;
  readonly rateLimitRpm: number | null;
  readonly openapi: JsonObject | null;
  readonly webhook: WebhookDefinition | null;
  readonly operations: readonly OperationDefinition[];
}

/** A definition with what belongs to it and is kept elsewhere; undefined is left as it was. */
export interface DefinitionChange {
  readonly definition: Definition;
  readonly clientSecret: string | undefined;
  readonly webhookSecrets: WebhookChange['secrets'];
  readonly grants: readonly Grant[] | undefined;
}

export interface Grant {
  readonly agentId: string;
  readonly connection: GrantedConnection;
}

type Fields = Omit<CreateIntegrationRequest, 'name'> & Partial<Pick<CreateIntegrationRequest, 'name'>>;

const AUTH_VALIDATORS = {
  oauth2: validatorOf(AUTH_SCHEMAS.oauth2),
  api_key: validatorOf(AUTH_SCHEMAS.api_key),
  basic: validatorOf(AUTH_SCHEMAS.basic),
};
const HEALTH_CHECK_VALIDATOR = validatorOf(HEALTH_CHECK_SCHEMA);
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e]*$/;
const URLS_OF_AUTH = ['authorizeUrl', 'tokenUrl', 'revokeUrl'];

/** @throws AppError `integration.definition.invalid` with every failing path, `integration.provider.unknown` */
export function newDefinition(request: CreateIntegrationRequest): DefinitionChange {
  const { from, variables, name } = request;
  if (from === undefined) {
    if (variables !== undefined) refuse(INVALID, [{ path: 'variables', message: 'has no meaning without from' }]);
    return check({ name, provider: null, webhook: null }, request);
  }
  const provider = resolveProvider(from, request.authMethod, variables ?? {});
  return check(
    { name, provider: from, webhook: null },
    {
      ...provider,
      ...given(request),
      auth: { ...provider.auth, ...request.auth },
      headers: { ...provider.headers, ...request.headers },
    },
  );
}

/** What a definition becomes with a change. @throws AppError as `newDefinition` does */
export function changedDefinition(before: Definition, request: UpdateIntegrationRequest): DefinitionChange {
  if (request.variables !== undefined) {
    refuse(INVALID, [
      { path: 'variables', message: 'are set when the integration is created; change the URLs instead' },
    ]);
  }
  // Another method has other fields; of the same one those that are not given stay.
  const isSameMethod = request.authMethod === undefined || request.authMethod === before.authMethod;
  const { baseUrl, authMethod, headers, allowedHosts, healthCheck, rateLimitRpm, openapi } = before;
  const fields = {
    baseUrl,
    authMethod,
    headers,
    allowedHosts,
    ...(healthCheck && { healthCheck }),
    ...(rateLimitRpm !== null && { rateLimitRpm }),
    ...(openapi && { openapi }),
    // Hosts that were made of the base URL follow it.
    ...(request.baseUrl !== undefined && { allowedHosts: undefined }),
    ...given(request),
    auth: isSameMethod ? { ...before.auth, ...request.auth } : request.auth,
  };
  return check({ name: request.name ?? before.name, provider: before.provider, webhook: before.webhook }, fields);
}

const INVALID = 'integration.definition.invalid';

/** The fields that a request gives; those of the class that it does not are there as undefined. */
function given(request: object): Fields {
  return Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined));
}

function check(kept: Pick<Definition, 'name' | 'provider' | 'webhook'>, fields: Fields): DefinitionChange {
  const errors: FieldError[] = [];
  const api = fields.openapi === undefined ? undefined : readOpenApi(fields.openapi, errors);
  const baseUrl = checkBaseUrl(fields.baseUrl ?? api?.serverUrl, errors);
  const { authMethod } = fields;
  if (authMethod === undefined) errors.push({ path: 'authMethod', message: 'is required' });
  const { clientSecret, ...auth } = fields.auth ?? {};
  if (authMethod !== undefined) errors.push(...checkAuth(authMethod, fields.auth ?? {}));
  const { healthCheck } = fields;
  if (healthCheck !== undefined && !HEALTH_CHECK_VALIDATOR(healthCheck)) {
    errors.push(...fieldErrors(HEALTH_CHECK_VALIDATOR, 'healthCheck'));
  }
  const hosts = (fields.allowedHosts ?? (baseUrl ? [baseUrl.host] : [])).map((host) => host.toLowerCase());
  errors.push(...checkHosts(hosts, baseUrl));
  const headers = checkHeaders(fields.headers ?? {}, errors);
  const grants = checkGrants(fields.grants, errors);
  const webhook = fields.webhook && checkWebhook(fields.webhook, kept.webhook, errors);
  if (errors.length > 0 || baseUrl === undefined || authMethod === undefined) refuse(INVALID, errors);
  return {
    definition: {
      ...kept,
      ...(webhook && { webhook: webhook.webhook }),
      baseUrl: baseUrl.href.replace(/\/+$/, ''),
      authMethod,
      auth,
      headers,
      allowedHosts: hosts,
      healthCheck: healthCheck ?? null,
      rateLimitRpm: fields.rateLimitRpm ?? null,
      openapi: fields.openapi ?? null,
      operations: api?.operations ?? [],
    },
    clientSecret: clientSecret as string | undefined,
    webhookSecrets: webhook?.secrets,
    grants,
  };
}

function checkBaseUrl(text: string | undefined, errors: FieldError[]): URL | undefined {
  const fail = (message: string) => void errors.push({ path: 'baseUrl', message });
  if (text === undefined) return fail('is required');
  if (!URL.canParse(text)) return fail('must be a URL such as https://api.example.com');
  const url = new URL(text);
  if (url.search || url.hash || url.username || url.password)
    fail('must hold no query, fragment, user name or password');
  if (!isSafeForSecrets(url)) fail('must start with https://, as a credential is sent there');
  return url;
}

function checkAuth(method: AuthMethod, auth: JsonObject): FieldError[] {
  const validate = AUTH_VALIDATORS[method];
  const errors = validate(auth) ? [] : fieldErrors(validate, 'auth');
  for (const field of method === 'oauth2' ? URLS_OF_AUTH : []) {
    const text = auth[field];
    if (typeof text !== 'string' || errors.some(({ path }) => path === `auth.${field}`)) continue;
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (!url || url.username || url.password || url.hash) {
      errors.push({ path: `auth.${field}`, message: 'must be a URL without user name, password and fragment' });
    } else if (!isSafeForSecrets(url)) errors.push({ path: `auth.${field}`, message: 'must start with https://' });
  }
  return errors;
}

function checkHosts(hosts: readonly string[], baseUrl: URL | undefined): FieldError[] {
  const errors = hosts.flatMap((host, index) =>
    HOST_ENTRY.test(host)
      ? []
      : [{ path: `allowedHosts[${index}]`, message: 'must be a host such as api.example.com or *.example.com' }],
  );
  if (hosts.length === 0 && baseUrl) errors.push({ path: 'allowedHosts', message: 'must name a host' });
  return errors;
}

function checkHeaders(headers: JsonObject, errors: FieldError[]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => {
      if (!HEADER_NAME.test(name) || typeof value !== 'string' || !HEADER_VALUE.test(value)) {
        errors.push({ path: `headers.${name}`, message: 'must be a header name with a text of visible ASCII' });
      }
      return [name.toLowerCase(), typeof value === 'string' ? value : ''];
    }),
  );
}

function checkGrants(grants: readonly JsonObject[] | undefined, errors: FieldError[]): Grant[] | undefined {
  return grants?.map(({ agentId, connection = 'owner', ...others }, index) => {
    const path = `grants[${index}]`;
    if (typeof agentId !== 'string' || !isUuid(agentId))
      errors.push({ path: `${path}.agentId`, message: 'must be the id of an agent' });
    else if (grants.findIndex((other) => other.agentId === agentId) !== index)
      errors.push({ path: `${path}.agentId`, message: 'is there twice' });
    if (!isOneOf(GRANTED_CONNECTIONS, connection))
      errors.push({ path: `${path}.connection`, message: `must be one of ${GRANTED_CONNECTIONS.join(', ')}` });
    for (const name of Object.keys(others)) errors.push({ path: `${path}.${name}`, message: 'is not a known field' });
    return { agentId, connection } as Grant;
  });
}

function isOneOf(values: readonly string[], value: Json): boolean {
  return typeof value === 'string' && values.includes(value);
}
