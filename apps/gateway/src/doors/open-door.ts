import { findAction, type ActionDefinition, type JsonObject } from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import { scrub } from '@agent-platform/observability';
import type { IncomingMessage } from 'node:http';
import { GRAPHQL_PATH } from './graphql/graphql-path';
import { jsonOf } from './json-of';
import type { RouteTable } from './route-table';
import type { AskedStream } from './streams/stream-door';
import { findStream } from './streams/stream-routes';

/** The action envelope, and the path that the brief gives it. */
const ENVELOPE_PATHS = new Set(['/v1/actions', '/functions/v1/api-gateway']);

/** What a request asks for, before anything of its body is read. */
export type Asked =
  | {
      readonly door: 'rest';
      readonly action: ActionDefinition;
      readonly pathParams: Readonly<Record<string, string>>;
      readonly queryParams: Readonly<Record<string, string | string[]>>;
    }
  | AskedStream
  | { readonly door: 'envelope' }
  | { readonly door: 'graphql' };

/** @throws AppError `request.route.not-found`, `request.method.not-allowed` (with the allowed ones), `request.malformed` */
export function findDoor(request: IncomingMessage, routes: RouteTable): Asked {
  const { method = 'GET', url = '/' } = request;
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  if (ENVELOPE_PATHS.has(path)) {
    if (method !== 'POST') throw wrongMethod(['POST']);
    return { door: 'envelope' };
  }
  if (path === GRAPHQL_PATH) {
    if (method !== 'GET' && method !== 'POST') throw wrongMethod(['GET', 'POST']);
    return { door: 'graphql' };
  }
  const stream = findStream(path);
  if (stream) {
    if (method !== 'GET') throw wrongMethod(['GET']);
    return { door: 'stream', ...stream, queryParams: mark < 0 ? {} : readQuery(url.slice(mark + 1)) };
  }
  const result = routes.find(method, path);
  switch (result.kind) {
    case 'found':
      return { door: 'rest', ...result.route, queryParams: mark < 0 ? {} : readQuery(url.slice(mark + 1)) };
    case 'wrong-method':
      throw wrongMethod(result.allowed);
    case 'malformed':
      throw new AppError('request.malformed', 'The path has a percent sign that starts no valid escape.');
    case 'unknown':
      throw new AppError('request.route.not-found', 'There is nothing at this path. /docs shows what there is.');
  }
}

/**
 * The body of an envelope: `{"action": "workflow.list", "params": {…}}`.
 *
 * @throws AppError `request.malformed`, `request.invalid`, `action.unknown`
 */
export function readEnvelope(body: Buffer): { action: ActionDefinition; payload: Buffer } {
  let envelope: unknown;
  try {
    envelope = JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new AppError('request.malformed', `The body is not JSON: ${scrub((cause as Error).message)}`, { cause });
  }
  if (!isObject(envelope)) throw new AppError('request.malformed', 'The body must be a JSON object.');
  const { action: name, params = {}, ...others } = envelope;
  const errors = [
    ...(typeof name === 'string'
      ? []
      : [{ path: 'action', message: 'must be the name of an action, such as "workflow.list"' }]),
    ...(isObject(params) ? [] : [{ path: 'params', message: 'must be an object' }]),
    ...Object.keys(others).map((path) => ({ path, message: 'is not a known field' })),
  ];
  if (errors.length > 0) {
    const paths = errors.map(({ path }) => path).join(', ');
    throw new AppError('request.invalid', `The envelope has fields that are not valid: ${paths}.`, { errors });
  }
  const action = findAction(name as string);
  if (!action) throw new AppError('action.unknown', 'There is no action of this name.');
  return { action, payload: jsonOf(params as JsonObject) };
}

/** RFC 9110 section 15.5.6: the answer names the methods in `Allow`. */
function wrongMethod(allowed: readonly string[]): AppError {
  return new AppError('request.method.not-allowed', `This path takes ${allowed.join(', ')}.`, {
    allowedMethods: allowed,
  });
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readQuery(query: string): Record<string, string | string[]> {
  const params: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>;
  for (const [name, value] of new URLSearchParams(query)) {
    const before = params[name];
    params[name] = before === undefined ? value : Array.isArray(before) ? [...before, value] : [before, value];
  }
  return params;
}
