import { currentContext, withContext, type RequestContext } from './context';
import { parseTraceparent } from './trace-context';

/** Names follow the semantic conventions of OpenTelemetry where they have one. Never what a user sent: no body, URL, query or header. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** Whose work a span shows: a call that came in or goes out, or work between the two. */
export type SpanKind = 'server' | 'client' | 'internal';

export interface SpanOptions {
  readonly kind: SpanKind;
  /** A function is called only where the span is begun. */
  readonly attributes?: Attributes | (() => Attributes);
  /** An error of this class ends the work without being its failure. */
  readonly passing?: abstract new (...args: never[]) => Error;
}

/** Some work under way that a trace shows. */
export interface Span {
  /** Under which what the work calls goes on. */
  readonly traceparent: string;
  rename(name: string): void;
  set(attributes: Attributes): void;
  /** @param errorType what went wrong, as a code (`error.type`); never a message, which may quote what a user sent */
  end(errorType?: string): void;
}

/** Begins the spans of one service. */
export interface Tracer {
  /** @param parent a traceparent; without one a trace begins */
  begin(name: string, options: SpanOptions, parent: string | undefined): Span;
  /** Hands over what is recorded, then closes. */
  close(): Promise<void>;
}

/**
 * Work that came from elsewhere, under the context that it brought: as a span of `tracer`, unless there is none or the
 * caller's trace is not recorded.
 */
export function withTrace<T>(
  tracer: Tracer | undefined,
  { requestId, traceparent }: { readonly requestId: string; readonly traceparent: string },
  name: string,
  options: SpanOptions,
  work: (span?: Span) => Promise<T>,
): Promise<T> {
  const context = { requestId, traceparent };
  if (!tracer || !parseTraceparent(traceparent)?.sampled) return withContext(context, () => work());
  return record(tracer.begin(name, options, traceparent), { ...context, tracer }, options, work);
}

/** A part of the work that runs now, as a span where the whole is recorded. */
export function spanned<T>(name: string, options: SpanOptions, work: (span?: Span) => Promise<T>): Promise<T> {
  const context = currentContext();
  if (!context?.tracer) return work();
  const { tracer, traceparent } = context;
  return record(tracer.begin(name, options, traceparent), context, options, work);
}

/** Like `spanned`, of work that is done at once. */
export function spannedNow<T>(name: string, options: SpanOptions, work: () => T): T {
  const context = currentContext();
  if (!context?.tracer) return work();
  const span = context.tracer.begin(name, options, context.traceparent);
  try {
    const result = withContext({ ...context, traceparent: span.traceparent }, work);
    span.end();
    return result;
  } catch (error) {
    span.end(errorTypeOf(error));
    throw error;
  }
}

/** The short name of what went wrong, for `error.type`: a code where the error has one, else its class. */
export function errorTypeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'Error';
  const { code, constructor } = error as { code?: unknown } & Error;
  return typeof code === 'string' ? code : constructor.name;
}

async function record<T>(
  span: Span,
  context: RequestContext,
  { passing }: SpanOptions,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  try {
    const { traceparent } = span;
    const isRecorded = parseTraceparent(traceparent)?.sampled ?? false;
    const inner = { ...context, traceparent, tracer: isRecorded ? context.tracer : undefined };
    const result = await withContext(inner, () => work(span));
    span.end();
    return result;
  } catch (error) {
    span.end(passing && error instanceof passing ? undefined : errorTypeOf(error));
    throw error;
  }
}
