import { AsyncLocalStorage } from 'node:async_hooks';

/** What ties a log line to a request. */
export interface LogContext {
  readonly requestId: string;
  readonly traceparent: string;
}

const storage = new AsyncLocalStorage<LogContext>();

/** Runs `work` so that every line logged in it carries the context. */
export function withContext<T>(context: LogContext, work: () => T): T {
  return storage.run(context, work);
}

/** The context of the code that runs now, if it has one. */
export function currentContext(): LogContext | undefined {
  return storage.getStore();
}
