/** Fields whose name ends like this hold a secret: `password`, `x-agent-key`, `api_key`, `clientSecret`, `refreshToken`. */
const SECRET_FIELD = /(?:authorization|cookie|key|keys|password|passphrase|secret|secrets|signature|token|tokens)$/;
const SECRETS = /(mj_agent_|mj_secret_|whsec_)[A-Za-z0-9+/=_%-]+/g;
/** The password of `nats://user:password@host`, up to the last `@` before the path. */
const URL_PASSWORD = /(:\/\/[^\s/:@"\\]*):[^\s/"\\]+@/g;

/** Deeper fields are not shown: a log line is no dump. */
const MAX_DEPTH = 6;
const MAX_TEXT_LENGTH = 8192;
const HIDDEN = '***';

/** Takes API keys, signing and webhook secrets and passwords in URLs out of a text. Cheap where there are none. */
export function scrub(text: string): string {
  let scrubbed = text;
  if (scrubbed.includes('mj_') || scrubbed.includes('whsec_')) scrubbed = scrubbed.replace(SECRETS, `$1${HIDDEN}`);
  if (scrubbed.includes('@') && scrubbed.includes('://')) scrubbed = scrubbed.replace(URL_PASSWORD, `$1:${HIDDEN}@`);
  return scrubbed;
}

/**
 * What a log line shows of a value: secrets hidden by the name of their field, at any depth; of an error its type, code,
 * message, stack and causes, without whatever else hangs on it (queries, sockets, requests); of bytes only their number.
 */
export function loggable(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return shorten(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth > MAX_DEPTH) return '[too deep]';
  if (value instanceof Error) return describeError(value, depth);
  if (value instanceof Date || value instanceof URL) return value;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.map((item) => loggable(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [name, isHidden(name, field) ? HIDDEN : loggable(field, depth + 1)]),
  );
}

/** Yes-or-no fields stay: `hasSecret` tells nothing. */
function isHidden(name: string, value: unknown): boolean {
  return value !== null && value !== undefined && typeof value !== 'boolean' && SECRET_FIELD.test(name.toLowerCase());
}

function describeError(error: Error, depth: number): object {
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    ...(code !== undefined && { code: loggable(code, depth + 1) }),
    message: shorten(error.message),
    ...(error.stack !== undefined && { stack: shorten(error.stack) }),
    ...(error.cause !== undefined && { cause: loggable(error.cause, depth + 1) }),
    ...(error instanceof AggregateError && { errors: error.errors.slice(0, 5).map((one) => loggable(one, depth + 1)) }),
  };
}

function shorten(text: string): string {
  return text.length > MAX_TEXT_LENGTH ? `${text.slice(0, MAX_TEXT_LENGTH)}…` : text;
}
