import 'reflect-metadata';
import type { ActionDefinition, JsonObject } from '@agent-platform/contracts';
import { AppError, type FieldError } from '@agent-platform/errors';
import { scrub } from '@agent-platform/observability';
import { getMetadataStorage, IS_OPTIONAL, validateSync, type ValidationError } from 'class-validator';
import type { CallContext } from './call';
import { fieldTooDeep, MAX_JSON_DEPTH } from './json-depth';

/** An escape that may stand for what Postgres cannot store: NUL, or half of a surrogate pair. */
const SUSPECT_ESCAPE = /\\u(?:0000|d[89a-f])/i;

/**
 * The params of a request, path, query and body together, as an instance of the action's request class.
 *
 * @throws AppError `request.malformed` for what is no JSON object, `request.invalid` with every failing path
 */
export function readParams<Request extends object>(
  action: ActionDefinition<Request>,
  context: Pick<CallContext, 'pathParams' | 'queryParams'>,
  payload: Uint8Array,
): Request {
  const body = parseBody(payload);
  const fromUrl: Record<string, unknown> = { ...coerceQuery(action, context.queryParams ?? {}), ...context.pathParams };
  const conflicts = Object.keys(fromUrl).filter((name) => Object.hasOwn(body, name) && body[name] !== fromUrl[name]);
  if (conflicts.length > 0) {
    throw invalid(conflicts.map((path) => ({ path, message: 'is given by the URL and differs in the body' })));
  }
  const params = { ...body, ...fromUrl };
  refuseUnstorable(fromUrl);
  // Names that every object has (constructor, __proto__) are no fields, and would pass for known ones below.
  const inherited = Object.keys(params).filter((name) => name in Object.prototype);
  if (inherited.length > 0) throw invalid(inherited.map((path) => ({ path, message: 'is not a known field' })));
  // Values stay the very ones that were parsed: free JSON (a definition, a document) may hold any keys.
  const request = Object.assign(new action.request(), params);
  const failures = validateSync(request, { whitelist: true, forbidNonWhitelisted: true, forbidUnknownValues: false });
  if (failures.length > 0) throw invalid(failures.flatMap((failure) => fieldErrors(failure, '')));
  // An optional field that is null is one that is not given; handlers need not tell the two apart.
  for (const name of optionalFieldsOf(action.request)) {
    if (Reflect.get(request, name) === null) Reflect.deleteProperty(request, name);
  }
  return request;
}

const OPTIONAL_FIELDS = new Map<object, readonly string[]>();

/** The fields with `@IsOptional()`. */
function optionalFieldsOf(requestClass: new () => object): readonly string[] {
  let fields = OPTIONAL_FIELDS.get(requestClass);
  if (!fields) {
    const rules = getMetadataStorage().getTargetValidationMetadatas(requestClass, '', false, false);
    fields = rules.filter(({ name }) => name === IS_OPTIONAL).map(({ propertyName }) => propertyName);
    OPTIONAL_FIELDS.set(requestClass, fields);
  }
  return fields;
}

function parseBody(payload: Uint8Array): JsonObject {
  if (payload.length === 0) return {};
  const tooDeep = fieldTooDeep(payload);
  if (tooDeep !== undefined)
    throw invalid([{ path: scrub(tooDeep), message: `is nested more than ${MAX_JSON_DEPTH} levels deep` }]);
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8');
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    throw new AppError('request.malformed', `The body is not JSON: ${scrub((cause as Error).message)}`, { cause });
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new AppError('request.malformed', 'The body must be a JSON object.');
  }
  if (SUSPECT_ESCAPE.test(text)) refuseUnstorable(body);
  return body as JsonObject;
}

/** Postgres stores neither NUL nor half a surrogate pair in text or jsonb. */
function refuseUnstorable(value: unknown): void {
  const errors: FieldError[] = [];
  const check = (text: string, path: string) => {
    if (text.includes('\0') || !text.isWellFormed()) {
      errors.push({ path, message: 'holds a character that cannot be stored (NUL or half a surrogate pair)' });
    }
  };
  const walk = (node: unknown, path: string) => {
    if (typeof node === 'string') check(node, path);
    else if (Array.isArray(node)) node.forEach((item, index) => walk(item, `${path}[${index}]`));
    else if (typeof node === 'object' && node !== null) {
      for (const [key, item] of Object.entries(node)) {
        check(key, path || '(root)');
        walk(item, path ? `${path}.${key}` : key);
      }
    }
  };
  walk(value, '');
  if (errors.length > 0) throw invalid(errors);
}

/** Query values are text; those of numbers, booleans, lists and objects are read as what the request class declares. */
function coerceQuery(
  action: ActionDefinition,
  query: Readonly<Record<string, string | string[]>>,
): Record<string, unknown> {
  const params: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(query)) {
    const type: unknown = Reflect.getMetadata('design:type', action.request.prototype as object, name);
    if (type === Array) params[name] = Array.isArray(value) ? value : value.split(',');
    else if (type === Number && typeof value === 'string' && /^-?\d{1,15}(\.\d+)?$/.test(value))
      params[name] = Number(value);
    else if (type === Boolean && (value === 'true' || value === 'false')) params[name] = value === 'true';
    else if (type === Object && typeof value === 'string') params[name] = jsonOf(value);
    else params[name] = value;
  }
  return params;
}

/** An object travels in the query string as JSON; what is none is left for the validation to refuse. */
function jsonOf(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return text;
  }
}

function fieldErrors(failure: ValidationError, parent: string): FieldError[] {
  const isIndex = /^\d+$/.test(failure.property);
  const path = isIndex ? `${parent}[${failure.property}]` : parent ? `${parent}.${failure.property}` : failure.property;
  const own = Object.entries(failure.constraints ?? {}).map(([rule, message]) => ({
    path,
    message: rule === 'whitelistValidation' ? 'is not a known field' : message,
  }));
  return [...own, ...(failure.children ?? []).flatMap((child) => fieldErrors(child, path))];
}

function invalid(errors: readonly FieldError[]): AppError {
  const paths = errors.map(({ path }) => path).join(', ');
  return new AppError('request.invalid', `The request has fields that are not valid: ${paths}.`, { errors });
}
