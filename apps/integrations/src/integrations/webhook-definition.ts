import { WEBHOOK_SCHEMES, type JsonObject, type WebhookScheme } from '@agent-platform/contracts';
import type { FieldError } from '@agent-platform/errors';
import { fieldErrors } from '@agent-platform/json-schema';
import { validatorOf } from './check-json';

/** How the provider of an integration signs its webhooks; without the secrets. */
export interface WebhookDefinition {
  readonly scheme: WebhookScheme;
  readonly toleranceSeconds: number;
  /** Of the scheme `hmac`. */
  readonly options: JsonObject;
}

/** What a request makes of it; null closes the endpoint, secrets that are undefined stay. */
export interface WebhookChange {
  readonly webhook: WebhookDefinition | null;
  readonly secrets: readonly string[] | undefined;
}

/** Closes the endpoint. */
const NONE = 'none';
/** As the libraries of Stripe, Slack and Standard Webhooks have it. */
const DEFAULT_TOLERANCE_SECONDS = 300;
/** The one in use, and those that it replaces. */
const MAX_SECRETS = 5;
/** What providers make themselves is long; GitHub's and Calendly's are chosen by people. */
const MIN_SECRET_LENGTH: Partial<Record<WebhookScheme, number>> = { github: 8, calendly: 8 };
const DEFAULT_MIN_SECRET_LENGTH = 16;

/** A secret of Standard Webhooks: 24 to 64 bytes in base64. */
const STANDARD_SECRET = '^(whsec_)?([A-Za-z0-9+/]{4}){8,21}([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$';
/** Visible, and without the blanks that come with copying. */
const ANY_SECRET = '^[\\x21-\\x7e]([\\x20-\\x7e]*[\\x21-\\x7e])?$';
/** The gateway passes these on to nobody. */
const HEADER: JsonObject = {
  type: 'string',
  pattern: '^(?!(?:[aA]uthorization|[cC]ookie)$)[A-Za-z0-9!#$%&*+.^_`|~-]+$',
  maxLength: 100,
};
const HMAC_OPTIONS: Readonly<Record<string, JsonObject>> = {
  header: HEADER,
  algorithm: { enum: ['sha256', 'sha512'] },
  encoding: { enum: ['hex', 'base64'] },
  prefix: { type: 'string', maxLength: 50 },
  timestampHeader: HEADER,
  template: { type: 'string', maxLength: 200 },
  idHeader: HEADER,
  eventHeader: HEADER,
  eventField: { type: 'string', minLength: 1, maxLength: 200 },
};
const PLACEHOLDERS = ['{body}', '{timestamp}', '{id}', '{method}', '{url}'];

const VALIDATORS = new Map(WEBHOOK_SCHEMES.map((scheme) => [scheme as string, validatorOf(schemaOf(scheme))]));
const NONE_VALIDATOR = validatorOf({
  type: 'object',
  additionalProperties: false,
  properties: { scheme: { const: NONE } },
});

function schemaOf(scheme: WebhookScheme): JsonObject {
  const secret: JsonObject = {
    type: 'string',
    minLength: MIN_SECRET_LENGTH[scheme] ?? DEFAULT_MIN_SECRET_LENGTH,
    maxLength: 512,
    pattern: scheme === 'standard' ? STANDARD_SECRET : ANY_SECRET,
  };
  return {
    type: 'object',
    additionalProperties: false,
    required: ['scheme', ...(scheme === 'hmac' ? ['header'] : [])],
    properties: {
      scheme: { const: scheme },
      secrets: { type: 'array', minItems: 1, maxItems: MAX_SECRETS, uniqueItems: true, items: secret },
      toleranceSeconds: { type: 'integer', minimum: 1, maximum: 86_400 },
      ...(scheme === 'hmac' && HMAC_OPTIONS),
    },
    ...(scheme === 'hmac' && { not: { required: ['eventHeader', 'eventField'] } }),
  };
}

/**
 * Checks what a request says of webhooks.
 *
 * @param before what holds now: of the same scheme, what is not given stays
 * @param errors gets every failing path, and no secret
 */
export function checkWebhook(
  given: JsonObject,
  before: WebhookDefinition | null,
  errors: FieldError[],
): WebhookChange | undefined {
  const scheme = given.scheme ?? before?.scheme;
  if (scheme === undefined) return void errors.push({ path: 'webhook.scheme', message: 'is required' });
  if (scheme === NONE) {
    if (!NONE_VALIDATOR(given)) errors.push(...fieldErrors(NONE_VALIDATOR, 'webhook'));
    return { webhook: null, secrets: undefined };
  }
  const validate = typeof scheme === 'string' ? VALIDATORS.get(scheme) : undefined;
  if (!validate) {
    const message = `must be one of ${WEBHOOK_SCHEMES.join(', ')}, or ${NONE}`;
    return void errors.push({ path: 'webhook.scheme', message });
  }
  const isSame = scheme === before?.scheme;
  const whole = { ...(isSame && { ...before.options, toleranceSeconds: before.toleranceSeconds }), ...given, scheme };
  if (!validate(whole)) return void errors.push(...fieldErrors(validate, 'webhook'));
  const { secrets, toleranceSeconds = DEFAULT_TOLERANCE_SECONDS, ...others } = whole as JsonObject & GivenFields;
  const options = Object.fromEntries(Object.entries(others).filter(([name]) => Object.hasOwn(HMAC_OPTIONS, name)));
  // Those of another scheme would not fit.
  if (!isSame && !secrets) errors.push({ path: 'webhook.secrets', message: 'are required' });
  errors.push(...checkTemplate(options));
  return { webhook: { scheme: scheme as WebhookScheme, toleranceSeconds, options }, secrets };
}

interface GivenFields {
  readonly secrets?: string[];
  readonly toleranceSeconds?: number;
}

/** What is signed must cover the body, and the timestamp where there is one; nothing else could be trusted. */
function checkTemplate({ template, timestampHeader, idHeader }: JsonObject): FieldError[] {
  if (typeof template !== 'string') return [];
  const fail = (message: string) => [{ path: 'webhook.template', message }];
  const used: readonly string[] = template.match(/\{[^}]*\}/g) ?? [];
  const unknown = used.find((placeholder) => !PLACEHOLDERS.includes(placeholder));
  if (unknown !== undefined) return fail(`may hold ${PLACEHOLDERS.join(', ')}`);
  if (!used.includes('{body}')) return fail('must hold {body}');
  if (used.includes('{timestamp}') !== (timestampHeader !== undefined))
    return fail('must hold {timestamp} where there is a timestampHeader, and only there');
  return used.includes('{id}') && idHeader === undefined ? fail('holds {id}, which needs an idHeader') : [];
}
