import { pino, type DestinationStream } from 'pino';
import { currentContext } from './context';
import { loggable, scrub } from './scrub';

/** A constant message with its fields; an error goes into `err`. */
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
  /** A logger whose every line carries these fields too; a line's own field of the same name wins. */
  child(fields: Readonly<Record<string, unknown>>): Logger;
}

type Level = 'debug' | 'info' | 'warn' | 'error';

export interface LoggerOptions {
  readonly service: string;
  /** Default `info`. */
  readonly level?: Level;
  /** Default standard output. */
  readonly destination?: DestinationStream;
}

/**
 * A logger of one service. Request and trace id come from the context of the running code (`withContext`). Secrets are
 * hidden by the name of their field, and our own keys and secrets wherever they stand in a line.
 */
export function createLogger({ service, level = 'info', destination }: LoggerOptions): Logger {
  const scrubbing: DestinationStream = {
    write: (line) => (destination ?? process.stdout).write(scrub(line)),
  };
  const target = pino(
    {
      level,
      base: { service },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => loggable(fields) as Record<string, unknown>,
      },
      // pino would describe errors a second time.
      serializers: { err: (described: unknown) => described },
      mixin: () => {
        const context = currentContext();
        return context ? { requestId: context.requestId, traceId: context.traceparent.split('-')[1] } : {};
      },
    },
    scrubbing,
  );
  return loggerOf(target, {});
}

/** Fields of a child are merged here rather than bound in pino, which would write a name twice into one line. */
function loggerOf(target: pino.Logger, bound: Readonly<Record<string, unknown>>): Logger {
  const writer =
    (level: Level) =>
    ({ msg, ...fields }: LogFields) => {
      if (target.isLevelEnabled(level)) target[level]({ ...bound, ...fields }, msg);
    };
  return {
    debug: writer('debug'),
    info: writer('info'),
    warn: writer('warn'),
    error: writer('error'),
    child: (fields) => loggerOf(target, { ...bound, ...fields }),
  };
}
