import { pino, type DestinationStream } from 'pino';
import { currentContext } from './context';

/** A constant message with its fields. */
export interface LogFields {
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** Writes JSON lines. `error` wakes someone, `warn` is a surprise we absorbed, `info` is a change of state. */
export interface Logger {
  debug(fields: LogFields): void;
  info(fields: LogFields): void;
  warn(fields: LogFields): void;
  error(fields: LogFields): void;
}

export interface LoggerOptions {
  readonly service: string;
  readonly level?: 'debug' | 'info' | 'warn' | 'error';
  /** Default standard output. */
  readonly destination?: DestinationStream;
}

const SECRET_FIELDS = ['authorization', 'apiKey', 'key', 'secret', 'password', 'token', 'signature', 'x-agent-key'];
/** Any of our secrets, wherever it stands in a line: an API key or a webhook secret. */
const SECRETS = /(mj_agent_|whsec_)[A-Za-z0-9+/=]{8,}/g;

/** A logger of one service; request and trace id come from the context of the running code. */
export function createLogger({ service, level = 'info', destination }: LoggerOptions): Logger {
  const scrubbing: DestinationStream = {
    write: (line) => (destination ?? process.stdout).write(scrub(line)),
  };
  const logger = pino(
    {
      level,
      base: { service },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: SECRET_FIELDS.flatMap((field) => [`["${field}"]`, `*["${field}"]`]),
      serializers: { err: describeError },
      mixin: () => {
        const context = currentContext();
        return context ? { requestId: context.requestId, traceId: context.traceparent.split('-')[1] } : {};
      },
    },
    scrubbing,
  );
  return {
    debug: ({ msg, ...fields }) => logger.debug(fields, msg),
    info: ({ msg, ...fields }) => logger.info(fields, msg),
    warn: ({ msg, ...fields }) => logger.warn(fields, msg),
    error: ({ msg, ...fields }) => logger.error(fields, msg),
  };
}

function scrub(line: string): string {
  return line.includes('mj_agent_') || line.includes('whsec_') ? line.replace(SECRETS, '$1***') : line;
}

interface DescribedError {
  readonly type: string;
  readonly message: string;
  readonly code?: unknown;
  readonly stack?: string;
  readonly cause?: DescribedError;
}

/** An error with the chain of its causes, without whatever else hangs on it (queries, sockets, requests). */
function describeError(error: unknown): DescribedError {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) };
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    message: error.message,
    ...(code !== undefined && { code }),
    stack: error.stack,
    ...(error.cause !== undefined && { cause: describeError(error.cause) }),
  };
}
