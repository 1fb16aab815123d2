import type { Json, JsonObject } from '@agent-platform/contracts';
import { OPERATORS, type Condition, type Operator } from './condition';
import { readFieldPath } from './field-path';
import type { Problems } from './problems';
import { readOperand } from './read-operand';

const MAX_DEPTH = 20;
const MAX_TERMS = 500;
const MAX_WORDS_LENGTH = 1024;
const FILTER = 'must be a filter: an object of fields, and, or, not, text';

/**
 * Reads a filter. Nothing of it is trusted: depth, terms and texts are bounded, and each fault is named with its place.
 */
export class FilterReader {
  private terms = 0;

  constructor(private readonly problems: Problems) {}

  /** Undefined, with a problem noted, for what is none. An object of no fields is true of every document. */
  read(filter: Json, path = 'filter', depth = 1): Condition | undefined {
    if (depth > MAX_DEPTH) return this.refuse(path, `is nested more than ${MAX_DEPTH} levels deep`);
    if (typeof filter !== 'object' || filter === null || Array.isArray(filter)) return this.refuse(path, FILTER);
    const conditions: Condition[] = [];
    const entries = Object.entries(filter);
    if (entries.length === 0) this.terms++;
    for (const [key, value] of entries) {
      if (!this.hasRoom(path)) break;
      conditions.push(...this.readEntry(key, value, `${path}.${key}`, depth));
    }
    return conditions.length === 1 ? conditions[0] : { kind: 'and', conditions };
  }

  private readEntry(key: string, value: Json, path: string, depth: number): Condition[] {
    switch (key) {
      case 'and':
      case 'or':
        return listOf(this.readList(key, value, path, depth));
      case 'not': {
        const condition = this.read(value, path, depth + 1);
        return condition ? [{ kind: 'not', condition }] : [];
      }
      case 'text':
        return listOf(this.readText(value, path));
      default:
        return this.readField(key, value, path);
    }
  }

  private readList(kind: 'and' | 'or', value: Json, path: string, depth: number): Condition | undefined {
    if (!Array.isArray(value) || value.length === 0) return this.refuse(path, 'must be a list of one filter or more');
    const conditions: Condition[] = [];
    for (const [index, item] of value.entries()) {
      if (!this.hasRoom(path)) break;
      conditions.push(...listOf(this.read(item, `${path}[${index}]`, depth + 1)));
    }
    return { kind, conditions };
  }

  private readText(value: Json, path: string): Condition | undefined {
    this.terms++;
    if (typeof value === 'string' && value.length > 0 && value.length <= MAX_WORDS_LENGTH)
      return { kind: 'text', words: value };
    return this.refuse(
      path,
      `must be words, of 1 to ${MAX_WORDS_LENGTH} characters; write \\text for a field named so`,
    );
  }

  private readField(key: string, value: Json, path: string): Condition[] {
    const field = readFieldPath(key, path, this.problems);
    const isShort = typeof value !== 'object' || value === null || Array.isArray(value);
    const asked: JsonObject = isShort ? { eq: value } : value;
    const operators = Object.entries(asked);
    if (operators.length === 0) this.problems.add(path, `must be a value, or hold one of ${OPERATORS.join(', ')}`);
    const conditions: Condition[] = [];
    for (const [operator, given] of operators) {
      this.terms++;
      if (!this.hasRoom(path)) break;
      const at = isShort ? path : `${path}.${operator}`;
      if (!isOperator(operator)) {
        this.problems.add(at, `is no operator; there are ${OPERATORS.join(', ')}`);
        continue;
      }
      if (!field) continue;
      const operand = readOperand(field, operator, given, at, this.problems);
      if (operand !== undefined) conditions.push({ kind: 'compare', field, operator, operand });
    }
    return conditions;
  }

  /** Reads no further once there are too many: one sentence says so. */
  private hasRoom(path: string): boolean {
    if (this.terms <= MAX_TERMS) return true;
    if (this.terms !== Infinity) this.problems.add(path, `makes more than ${MAX_TERMS} conditions of the filter`);
    this.terms = Infinity;
    return false;
  }

  private refuse(path: string, message: string): undefined {
    this.problems.add(path, message);
    return undefined;
  }
}

function isOperator(name: string): name is Operator {
  return (OPERATORS as readonly string[]).includes(name);
}

function listOf<T>(value: T | undefined): T[] {
  return value === undefined ? [] : [value];
}
