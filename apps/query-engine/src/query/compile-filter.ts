import type { Json } from '@agent-platform/contracts';
import type { Comparison, Condition } from './condition';
import { SYSTEM_FIELDS, type SystemField } from './field-path';
import { columnOf, jsonOf, numberOf, textOf, type Parameters } from './sql';

const SIGNS = { eq: '=', ne: '<>', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;
const SYSTEM_TYPES = { uuid: 'uuid', number: 'numeric', time: 'timestamptz' } as const;

/** A filter as SQL over the row `d`: true or false, never NULL. */
export function compileFilter(condition: Condition, parameters: Parameters): string {
  switch (condition.kind) {
    case 'and':
    case 'or': {
      const parts = condition.conditions.map((part) => compileFilter(part, parameters));
      if (parts.length === 0) return 'true';
      return `(${parts.join(condition.kind === 'and' ? ' AND ' : ' OR ')})`;
    }
    case 'not':
      return `NOT ${compileFilter(condition.condition, parameters)}`;
    case 'text':
      return `coalesce(d.search @@ websearch_to_tsquery('simple', ${parameters.add(condition.words, 'text')}), false)`;
    default:
      return condition.field.system === undefined
        ? compareJson(condition, parameters)
        : compareColumn(condition, condition.field.system, parameters);
  }
}

function compareJson({ field, operator, operand }: Comparison, parameters: Parameters): string {
  const value = jsonOf(field, parameters);
  const json = (item: Json) => parameters.add(JSON.stringify(item), 'jsonb');
  switch (operator) {
    case 'eq':
      return `(${value} IS NOT DISTINCT FROM ${json(operand)})`;
    case 'ne':
      return `(${value} IS DISTINCT FROM ${json(operand)})`;
    case 'in':
    case 'nin': {
      const list = parameters.add(
        (operand as Json[]).map((item) => JSON.stringify(item)),
        'jsonb[]',
      );
      return `${operator === 'nin' ? 'NOT ' : ''}coalesce(${value} = ANY (${list}), false)`;
    }
    case 'exists':
      return `(${value} IS ${operand === true ? 'NOT ' : ''}NULL)`;
    case 'contains': {
      const element = `(jsonb_typeof(${value}) = 'array' AND ${value} @> ${json([operand])})`;
      if (typeof operand !== 'string') return `coalesce(${element}, false)`;
      return `coalesce(${element} OR strpos(${textOf(value)}, ${parameters.add(operand, 'text')}) > 0, false)`;
    }
    case 'prefix':
      return `coalesce(starts_with(${textOf(value)}, ${parameters.add(operand as string, 'text')}), false)`;
    default:
      // A value of another type than the operand's is neither more nor less.
      return typeof operand === 'number'
        ? `coalesce(${numberOf(value)} ${SIGNS[operator]} ${parameters.add(String(operand), 'numeric')}, false)`
        : `coalesce(${textOf(value)} ${SIGNS[operator]} ${parameters.add(operand as string, 'text')}, false)`;
  }
}

/** A column of ours has a value always, and an operand of its own type. */
function compareColumn({ operator, operand }: Comparison, system: SystemField, parameters: Parameters): string {
  const column = columnOf(system);
  const type = SYSTEM_TYPES[SYSTEM_FIELDS[system]];
  if (operator === 'in' || operator === 'nin') {
    const list = parameters.add((operand as (string | number)[]).map(String), `${type}[]`);
    return `(${column} ${operator === 'in' ? '= ANY' : '<> ALL'} (${list}))`;
  }
  const sign = SIGNS[operator as keyof typeof SIGNS];
  return `(${column} ${sign} ${parameters.add(operand as string | number, type)})`;
}
