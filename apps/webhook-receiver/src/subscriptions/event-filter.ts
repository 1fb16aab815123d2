import type { CloudEvent, Json } from '@agent-platform/contracts';
import { compileTemplate, ExpressionError, ExpressionErrors } from '@agent-platform/expressions';

/** What a filter may name: the fields of the envelope, and all of it as `event`. */
const VARIABLES = [
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

/** Whether an event passes; one that the expression cannot be applied to does not. */
export type EventFilter = (event: CloudEvent) => boolean;

/** @throws ExpressionErrors with every problem */
export function compileFilter(text: string): EventFilter {
  const expression = text.trim().startsWith('${{') ? text : `\${{ ${text} }}`;
  const template = compileTemplate(expression, 'filter', { variables: VARIABLES });
  return (event) => {
    try {
      const fields = event as unknown as Record<string, Json>;
      return template.evaluate({ subject: null, ...fields, event: fields }) === true;
    } catch (error) {
      if (error instanceof ExpressionError) return false;
      throw error;
    }
  };
}

/** What is wrong with a filter, in a sentence; undefined where nothing is. */
export function filterProblem(text: string): string | undefined {
  try {
    compileFilter(text);
    return undefined;
  } catch (error) {
    if (!(error instanceof ExpressionErrors)) throw error;
    return error.problems
      .map(({ line, column, message, hint = '' }) => `${line}:${column} ${message} ${hint}`.trim())
      .join(' ');
  }
}
