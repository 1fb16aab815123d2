import { childrenOf, sourceOf, type CelComprehension, type CelEvaluator, type CelNode } from './cel-internals';
import { guardCall } from './guard-call';
import { Failure } from './errors';
import { isEqual } from './equality';
import { isRecord, put } from './json';
import { nameOfType } from './to-json';
import type { Meter } from './meter';

type Handle = NonNullable<CelNode['handle']>;

/**
 * Wraps the work of each node of a checked expression, so that it is paid for before it is done, and so that keys,
 * equality and membership follow JSON: own properties only, `constructor` and `__proto__` keys being plain data.
 */
export function guard(root: CelNode, meterOf: () => Meter): void {
  const seen = new Set<CelNode>();
  const pending = [root];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    pending.push(...childrenOf(node));
    if (node.op === 'map' && (node.args as unknown[]).length > 0) node.setMeta('evaluate', mapLiteral);
    if (node.handle !== undefined) node.handle = guarded(node, node.handle, meterOf);
  }
}

function guarded(node: CelNode, inner: Handle, meterOf: () => Meter): Handle {
  const at = node.pos;
  switch (node.op) {
    case '.':
    case '[]':
      return (target, key) => access(node, target, key);
    case '==':
      return (left, right) => isEqual(left, right, meterOf(), at);
    case '!=':
      return (left, right) => !isEqual(left, right, meterOf(), at);
    case 'in':
      return (value, container, ...rest) => {
        if (isRecord(container)) return Object.hasOwn(container, String(value));
        if (!Array.isArray(container)) return inner(value, container, ...rest);
        return container.some((item) => isEqual(item, value, meterOf(), at));
      };
    case '+':
      return (left, right, ...rest) => {
        if (typeof left === 'string' && typeof right === 'string') {
          meterOf().allowString(left.length + right.length, at);
        } else {
          meterOf().spend(lengthOf(left) + lengthOf(right), at);
        }
        return inner(left, right, ...rest);
      };
    case '/':
    case '%':
      return (left, right, ...rest) => {
        if (right === 0 || right === 0n) throw new Failure('Division by zero.', at);
        return inner(left, right, ...rest);
      };
    case 'comprehension':
      return comprehension(node, inner, meterOf);
    case 'call':
    case 'rcall':
      return guardCall(node, inner, meterOf);
    default:
      return inner;
  }
}

function access(node: CelNode, target: unknown, key: unknown): unknown {
  const [left] = node.args as [CelNode];
  const name = sourceOf(left);
  if (Array.isArray(target) && (typeof key === 'number' || typeof key === 'bigint')) {
    const item: unknown = target[Number(key)];
    if (item !== undefined) return item;
    throw new Failure(`There is no item ${key} in ${name}, a list of ${target.length}.`, node.pos);
  }
  if (isRecord(target)) {
    const own = String(key);
    if (Object.hasOwn(target, own) && target[own] !== undefined) return target[own];
    throw new Failure(`There is no key '${own}' in ${name}.${lengthHint(own, name)}`, node.pos);
  }
  throw new Failure(
    `There is no key '${String(key)}' in ${name}, which is ${nameOfType(target)}.${lengthHint(key, name)}`,
    node.pos,
  );
}

function lengthHint(key: unknown, name: string): string {
  return key === 'length' ? ` The length is size(${name}).` : '';
}

function lengthOf(value: unknown): number {
  return Array.isArray(value) || value instanceof Uint8Array ? value.length : 0;
}

/** A loop is paid for before it starts: items times the nodes of its body. What its body calls is paid for on top. */
function comprehension(node: CelNode, inner: Handle, meterOf: () => Meter): Handle {
  const { step } = node.args as CelComprehension;
  const weight = countNodes(step);
  return (items, ...rest) => {
    const count = Array.isArray(items) ? items.length : isRecord(items) ? Object.keys(items).length : 0;
    meterOf().spend(1 + count * weight, node.pos);
    try {
      return inner(items, ...rest);
    } finally {
      forgetValues(node.args as CelComprehension);
    }
  };
}

/** A compiled expression is kept for long; the values of its last evaluation must not be. */
function forgetValues({ iterCtx }: CelComprehension): void {
  if (iterCtx === undefined) return;
  iterCtx.iterValue = undefined;
  iterCtx.accuValue = undefined;
  iterCtx.reuse(undefined);
}

function countNodes(root: CelNode): number {
  let count = 0;
  const pending = [root];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    count++;
    pending.push(...childrenOf(node));
  }
  return count;
}

/** As in cel-js, but no key is dropped: it leaves out `constructor`, `prototype` and `__proto__`. */
function mapLiteral(evaluator: CelEvaluator, node: CelNode, context: unknown): Record<string, unknown> {
  const map: Record<string, unknown> = {};
  for (const [keyNode, valueNode] of node.args as [CelNode, CelNode][]) {
    const key = evaluator.run(keyNode, context);
    if (typeof key !== 'string' && typeof key !== 'bigint') {
      throw new Failure(`The key ${sourceOf(keyNode)} is ${nameOfType(key)}; a key must be a string.`, keyNode.start);
    }
    put(map, String(key), evaluator.run(valueNode, context));
  }
  return map;
}
