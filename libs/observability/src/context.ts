import { AsyncLocalStorage } from 'node:async_hooks';
import type { Tracer } from './tracer';

/** What ties a log line, and what is called from here, to a request. */
export interface RequestContext {
  readonly requestId: string;
  /** The span that runs now, or where it is not recorded the caller's (W3C Trace Context). */
  readonly traceparent: string;
  /** Records the spans of what is done here; undefined where they are not recorded. */
  readonly tracer?: Tracer;
}

const storage = new AsyncLocalStorage<RequestContext | undefined>();

/** Runs `work` so that every line logged in it carries the context. */
export function withContext<T>(context: RequestContext, work: () => T): T {
  return storage.run(context, work);
}

/** Runs `work` as nobody's: for what is begun by one request and goes on for all. */
export function withoutContext<T>(work: () => T): T {
  return storage.run(undefined, work);
}

/** The context of the code that runs now, if it has one. */
export function currentContext(): RequestContext | undefined {
  return storage.getStore();
}
