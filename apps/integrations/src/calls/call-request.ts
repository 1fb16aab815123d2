import type { ExecuteIntegrationRequest, Json, JsonObject } from '@agent-platform/contracts';
import { AppError, type FieldError } from '@agent-platform/errors';

/** A request to a provider, before the credential is added. */
export interface CallRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

const METHODS_WITHOUT_BODY = ['GET', 'HEAD'];
const ABSOLUTE = /^https?:\/\//i;

/**
 * Puts a call together: the path under the base URL, or a whole URL of an allowed host, which is checked where the credential is
 * added.
 *
 * @param query pairs that come before those of the request
 * @throws AppError `request.invalid` with every failing path
 */
export function buildCall(
  baseUrl: string,
  fixedHeaders: Readonly<Record<string, string>>,
  request: Pick<ExecuteIntegrationRequest, 'method' | 'path' | 'query' | 'headers' | 'body'>,
): CallRequest {
  const { method = 'GET', path = '/', query = {}, headers = {}, body } = request;
  const errors: FieldError[] = [];
  const url = urlOf(baseUrl, path, errors);
  for (const [name, value] of pairsOf(query, 'query', errors)) url?.searchParams.append(name, value);
  const sentHeaders = Object.fromEntries(
    pairsOf(headers, 'headers', errors).map(([name, value]) => [name.toLowerCase(), value]),
  );
  if (errors.length > 0 || !url) throw invalid(errors);
  const isText = typeof body === 'string';
  const hasBody = body !== undefined && body !== null && !METHODS_WITHOUT_BODY.includes(method);
  const type = isText ? 'text/plain; charset=utf-8' : 'application/json';
  return {
    method,
    url,
    headers: { accept: 'application/json', ...(hasBody && { 'content-type': type }), ...fixedHeaders, ...sentHeaders },
    body: hasBody ? (isText ? body : JSON.stringify(body)) : undefined,
  };
}

/** @throws AppError `request.invalid` */
export function invalid(errors: readonly FieldError[]): AppError {
  const paths = errors.map(({ path }) => path).join(', ');
  return new AppError('request.invalid', `The request has fields that are not valid: ${paths}.`, { errors });
}

function urlOf(baseUrl: string, path: string, errors: FieldError[]): URL | undefined {
  const fail = (message: string) => void errors.push({ path: 'path', message });
  if (/[\s\\#]/.test(path) || !path.isWellFormed()) return fail('must hold no spaces, backslashes or #');
  if (ABSOLUTE.test(path)) {
    const url = URL.canParse(path) ? new URL(path) : undefined;
    if (!url || url.username || url.password) return fail('must be a URL without user name and password');
    return url;
  }
  if (!path.startsWith('/')) return fail('must start with /');
  const base = new URL(baseUrl);
  const url = new URL(`${baseUrl}${path}`);
  // `..` could lead out of what the definition is for.
  const root = base.pathname.replace(/\/+$/, '');
  const isInside = url.origin === base.origin && `${url.pathname}/`.startsWith(`${root}/`);
  return isInside ? url : fail('must stay below the base URL');
}

/** Text, numbers and booleans; of a list each item; null is left out. */
function pairsOf(fields: JsonObject, root: string, errors: FieldError[]): [string, string][] {
  return Object.entries(fields).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).flatMap((item): [string, string][] => {
      if (item === null) return [];
      if (isPlain(item)) return [[name, String(item)]];
      errors.push({ path: `${root}.${name}`, message: 'must be text, a number, true or false, or a list of these' });
      return [];
    }),
  );
}

function isPlain(value: Json): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
