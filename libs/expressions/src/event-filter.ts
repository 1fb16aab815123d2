import { ExpressionError, ExpressionErrors } from './errors';
import type { Json } from './json';
import { compileTemplate } from './template';

/** What a filter of events may name: the fields of the envelope (CloudEvents 1.0), and all of it as `event`. */
export const EVENT_VARIABLES: readonly string[] = [
  'event',
  'specversion',
  'id',
  'source',
  'type',
  'time',
  'subject',
  'datacontenttype',
  'data',
  'agentid',
  'traceparent',
];

/** Whether an event, as its envelope, passes; one that the expression cannot be applied to does not. */
export type EventFilter = (event: object) => boolean;

/** A filter may be written with `${{ }}` around it or without. */
export function eventFilterTemplate(text: string): string {
  return text.includes('${{') ? text : `\${{ ${text} }}`;
}

/** @throws ExpressionErrors with every problem */
export function compileEventFilter(text: string): EventFilter {
  const template = compileTemplate(eventFilterTemplate(text), 'filter', { variables: EVENT_VARIABLES });
  return (event) => {
    try {
      const fields = event as Record<string, Json>;
      return template.evaluate({ subject: null, ...fields, event: fields }) === true;
    } catch (error) {
      if (error instanceof ExpressionError) return false;
      throw error;
    }
  };
}

/** What is wrong with a filter, in a sentence; undefined where nothing is. */
export function eventFilterProblem(text: string): string | undefined {
  try {
    compileEventFilter(text);
    return undefined;
  } catch (error) {
    if (!(error instanceof ExpressionErrors)) throw error;
    return error.problems
      .map(({ line, column, message, hint = '' }) => `${line}:${column} ${message} ${hint}`.trim())
      .join(' ');
  }
}
