import { currentContext, errorTypeOf, type Span } from '@agent-platform/observability';
import type { ClientBase } from 'pg';

/** These travel with the statement after them and cost nothing of their own. */
const SILENT = new Set(['BEGIN', 'set-context']);
/** Of a statement's text: enough to recognise it. */
const MAX_TEXT_LENGTH = 1000;

type Callback = (error: Error | null, result: unknown) => void;

/**
 * Shows each statement of a connection as a span of the trace that it is made in: its name and its text with placeholders,
 * never a value.
 *
 * @see https://opentelemetry.io/docs/specs/semconv/database/postgresql/
 */
export function traceQueries(client: ClientBase): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  const traced = (...args: unknown[]): unknown => {
    const span = begin(args[0]);
    if (!span) return query(...args);
    const callback = args.at(-1);
    if (typeof callback === 'function') {
      args[args.length - 1] = (error: Error | null, result: unknown) => {
        span.end(error ? errorTypeOf(error) : undefined);
        (callback as Callback)(error, result);
      };
      return query(...args);
    }
    const answer = query(...args) as Promise<unknown>;
    answer.then(
      () => span.end(),
      (error: unknown) => span.end(errorTypeOf(error)),
    );
    return answer;
  };
  client.query = traced as typeof client.query;
}

function begin(statement: unknown): Span | undefined {
  const context = currentContext();
  if (!context?.tracer) return undefined;
  const { name, text } = (typeof statement === 'string' ? { text: statement } : statement) as {
    name?: string;
    text?: string;
  };
  const summary = name ?? /^\s*(\w+)/.exec(text ?? '')?.[1] ?? 'query';
  if (SILENT.has(summary)) return undefined;
  const attributes = {
    'db.system.name': 'postgresql',
    'db.query.summary': summary,
    ...(text !== undefined && { 'db.query.text': text.slice(0, MAX_TEXT_LENGTH) }),
  };
  return context.tracer.begin(summary, { kind: 'client', attributes }, context.traceparent);
}
