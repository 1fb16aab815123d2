import type { Json } from '@agent-platform/contracts';
import type { Comparison, Condition } from './condition';
import { mayBeIndex } from './field-path';

/** What an index can be asked: documents that hold one of `contains` and the words of `text`. */
export interface IndexConditions {
  /** JSON of objects that a document must contain one of. */
  readonly contains: readonly string[] | null;
  readonly text: string | null;
}

/** Each value of `in` is a look-up of its own. */
const MAX_LOOK_UPS = 100;

type Tree = { [key: string]: Tree | Json };

/**
 * What of a filter must hold for every document that it finds and an index knows. The filter is asked of what the index gives as
 * well: so this may ask for less than the filter does, never for more. Undefined where an index helps nothing.
 */
export function indexConditionsOf(filter: Condition | undefined): IndexConditions | undefined {
  const conditions = filter ? conjunctsOf(filter) : [];
  const texts = conditions.flatMap((condition) => (condition.kind === 'text' ? [condition.words] : []));
  const comparisons = conditions.filter((condition) => condition.kind === 'compare').filter(isIndexed);
  const base: Tree = emptyTree();
  let holds = false;
  for (const comparison of comparisons.filter(({ operator }) => operator !== 'in'))
    if (put(base, comparison, comparison.operand)) holds = true;
  const among = comparisons.find(
    ({ operator, operand }) => operator === 'in' && (operand as Json[]).length <= MAX_LOOK_UPS,
  );
  const alternatives = among && alternativesOf(base, among);
  const contains = alternatives ?? (holds ? [JSON.stringify(base)] : null);
  const text = texts[0] ?? null;
  return contains === null && text === null ? undefined : { contains, text };
}

/** The parts of a filter that must all hold. */
function conjunctsOf(condition: Condition): Condition[] {
  return condition.kind === 'and' ? condition.conditions.flatMap(conjunctsOf) : [condition];
}

/**
 * A part that may be the index of a list is no name in an object alone. A text that is contained may be part of a text, which no index knows.
 */
function isIndexed({ field, operator, operand }: Comparison): boolean {
  if (field.system !== undefined || field.segments.some(mayBeIndex)) return false;
  if (operator === 'in') return (operand as Json[]).every(isScalar);
  return operator === 'eq' ? isScalar(operand) : operator === 'contains' && typeof operand !== 'string';
}

function isScalar(value: Json): boolean {
  return typeof value !== 'object' || value === null;
}

function alternativesOf(base: Tree, among: Comparison): string[] | undefined {
  const trees = (among.operand as Json[]).map((value) => {
    const tree = copyOf(base);
    return put(tree, among, value) ? JSON.stringify(tree) : undefined;
  });
  return trees.some((tree) => tree === undefined) ? undefined : (trees as string[]);
}

/** Adds a value at its path; false where another condition stands there already, which leaves this one to the filter. */
function put(root: Tree, { field: { segments }, operator }: Comparison, value: Json): boolean {
  let tree = root;
  for (const segment of segments.slice(0, -1)) {
    const next = tree[segment] ?? emptyTree();
    if (typeof next !== 'object' || Array.isArray(next)) return false;
    tree[segment] = next;
    tree = next;
  }
  const last = segments.at(-1) ?? '';
  if (last in tree) return false;
  tree[last] = operator === 'contains' ? [value] : value;
  return true;
}

/** Without a prototype: `__proto__` is a name like any other. */
function emptyTree(): Tree {
  return Object.create(null) as Tree;
}

function copyOf(tree: Tree): Tree {
  const copy = emptyTree();
  for (const [key, value] of Object.entries(tree))
    copy[key] = typeof value === 'object' && value !== null && !Array.isArray(value) ? copyOf(value) : value;
  return copy;
}
