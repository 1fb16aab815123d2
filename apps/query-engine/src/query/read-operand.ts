import type { Json } from '@agent-platform/contracts';
import { isUuid } from '@agent-platform/shared-security';
import { findInfinite } from '../json-numbers';
import type { Operator } from './condition';
import { SYSTEM_FIELDS, type FieldPath } from './field-path';
import type { Problems } from './problems';

const MAX_LIST = 1000;
const MAX_TEXT_LENGTH = 16_384;
/** Of an object or a list that a field is compared with. */
const MAX_JSON_LENGTH = 65_536;
const SYSTEM_OPERATORS: readonly Operator[] = ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'nin'];

/** What an operator compares with, as it is compared; undefined, with a problem noted, where it cannot be. */
export function readOperand(
  field: FieldPath,
  operator: Operator,
  operand: Json,
  path: string,
  problems: Problems,
): Json | undefined {
  const refuse = (message: string) => {
    problems.add(path, message);
    return undefined;
  };
  const type = field.system && SYSTEM_FIELDS[field.system];
  if (type && !SYSTEM_OPERATORS.includes(operator))
    return refuse(`is not known of ${field.text}; there are ${SYSTEM_OPERATORS.join(', ')}`);
  if (operator === 'in' || operator === 'nin') {
    if (!Array.isArray(operand) || operand.length === 0 || operand.length > MAX_LIST)
      return refuse(`must be a list of 1 to ${MAX_LIST} values`);
    const values = operand.map((item, index) =>
      readValue(type, isScalar(item) ? item : undefined, `${path}[${index}]`, problems, SCALAR),
    );
    return values.includes(undefined) ? undefined : (values as Json[]);
  }
  if (type) return readValue(type, operand, path, problems);
  switch (operator) {
    case 'eq':
    case 'ne':
      return readValue(type, operand, path, problems);
    case 'contains':
      return readValue(type, isScalar(operand) ? operand : undefined, path, problems, SCALAR);
    case 'exists':
      return typeof operand === 'boolean' ? operand : refuse('must be true or false');
    case 'prefix':
      return readValue(type, typeof operand === 'string' ? operand : undefined, path, problems, 'must be a text');
    default: {
      const isOrdered = typeof operand === 'string' || typeof operand === 'number';
      return readValue(type, isOrdered ? operand : undefined, path, problems, 'must be a number or a text');
    }
  }
}

const SCALAR = 'must be a text, a number, true, false or null';

function isScalar(value: Json): boolean {
  return typeof value !== 'object' || value === null;
}

function readValue(
  type: (typeof SYSTEM_FIELDS)[keyof typeof SYSTEM_FIELDS] | undefined,
  value: Json | undefined,
  path: string,
  problems: Problems,
  otherwise = '',
): Json | undefined {
  const message = value === undefined ? otherwise : type ? problemOfTyped(type, value) : problemOfJson(value);
  if (message === undefined) return type === 'time' ? new Date(value as string).toISOString() : value;
  problems.add(path, message);
  return undefined;
}

function problemOfTyped(type: 'uuid' | 'number' | 'time', value: Json): string | undefined {
  if (type === 'number') return typeof value === 'number' && Number.isFinite(value) ? undefined : 'must be a number';
  if (type === 'uuid') return typeof value === 'string' && isUuid(value) ? undefined : 'must be a UUID';
  const isTime =
    typeof value === 'string' &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(value) &&
    // What Postgres knows as a time: there is no year 0.
    /^(?!0000)\d{4}-/.test(isoOf(value));
  return isTime ? undefined : 'must be a time such as 2026-01-31T09:00:00Z';
}

function isoOf(text: string): string {
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? '' : time.toISOString();
}

function problemOfJson(value: Json): string | undefined {
  if (typeof value === 'string')
    return value.length > MAX_TEXT_LENGTH ? `has more than ${MAX_TEXT_LENGTH} characters` : undefined;
  if (findInfinite(value, '') !== undefined) return 'holds a number that is too large';
  const json = JSON.stringify(value);
  return json.length > MAX_JSON_LENGTH ? `has more than ${MAX_JSON_LENGTH} characters` : undefined;
}
