import { createLogger, type LogFields, type Logger } from './logger';

let defaultLogger: Logger | undefined;

/** Names the logger that `log`, `logError` and `logAudit` write to; until then it is one of service `agent-platform`. */
export function setDefaultLogger(logger: Logger): void {
  defaultLogger = logger;
}

/** Logs a change of state, for code that is not handed a logger. */
export function log(fields: LogFields): void {
  current().info(fields);
}

/** Logs a failure where it is handled, with code, stack and causes. */
export function logError(msg: string, error: unknown, fields: Readonly<Record<string, unknown>> = {}): void {
  current().error({ ...fields, msg, err: error });
}

/**
 * Shows a decision in the log, for those who watch lines rather than tables. The proof is the audit log in `auth`, which
 * this does not write.
 */
export function logAudit(
  entry: { readonly action: string; readonly decision: string } & Readonly<Record<string, unknown>>,
): void {
  current().info({ ...entry, msg: 'audit' });
}

function current(): Logger {
  return (defaultLogger ??= createLogger({ service: 'agent-platform' }));
}
