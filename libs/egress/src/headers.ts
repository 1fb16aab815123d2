import { AppError } from '@agent-platform/errors';

/** Headers that belong to the connection, which is ours. */
const OURS = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'upgrade',
  'te',
  'trailer',
  'expect',
  'proxy-authorization',
  'proxy-connection',
]);
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
/** What may follow a redirect to another origin: nothing that could be a credential, whatever its name. */
const HARMLESS = ['accept', 'accept-language', 'user-agent', 'traceparent', 'content-type'];

/** @throws AppError `step.input.invalid` for anything but the methods that steps may use */
export function checkMethod(method: string): string {
  if (METHODS.includes(method)) return method;
  throw new AppError('step.input.invalid', `The method must be one of ${METHODS.join(', ')}.`, {
    errors: [{ path: 'method', message: `must be one of ${METHODS.join(', ')}` }],
  });
}

/** Lower-cased headers. @throws AppError `step.input.invalid` for a name or value that HTTP does not allow (RFC 9110 section 5) */
export function checkHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => {
    if (!NAME.test(name) || !VALUE.test(value)) throw refused(name, 'has a name or value that HTTP does not allow');
    if (OURS.has(name.toLowerCase())) throw refused(name, 'is set by the platform');
    return [name.toLowerCase(), value];
  });
  return Object.fromEntries(entries) as Record<string, string>;
}

/** The headers that may follow a redirect to another origin. */
export function harmless(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => HARMLESS.includes(name)));
}

function refused(name: string, why: string): AppError {
  const shown = NAME.test(name) ? name : 'A header';
  return new AppError('step.input.invalid', `${shown} ${why}.`, {
    errors: [{ path: 'headers', message: `${shown} ${why}` }],
  });
}
