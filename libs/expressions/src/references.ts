import { childrenOf, type CelComprehension, type CelNode } from './cel-internals';

/** What an expression names, without the variables of its own loops. */
export interface References {
  /** Root variables with the offset of their first use. */
  readonly names: ReadonlyMap<string, number>;
  /** `x` of every `steps.x` and `steps["x"]`. */
  readonly steps: ReadonlySet<string>;
  /** True where `steps` is used in another way, such as `steps[input.which]`: the steps meant are known only at run time. */
  readonly hasComputedStep: boolean;
}

export function referencesOf(root: CelNode): References {
  const names = new Map<string, number>();
  const steps = new Set<string>();
  let hasComputedStep = false;
  const visit = (node: CelNode, bound: ReadonlySet<string>): void => {
    const step = stepOf(node, bound);
    if (step !== undefined) {
      steps.add(step);
      if (!names.has('steps')) names.set('steps', node.start);
      return;
    }
    if (node.op === 'id' && !bound.has(String(node.args))) {
      const name = String(node.args);
      if (!names.has(name)) names.set(name, node.start);
      if (name === 'steps') hasComputedStep = true;
    }
    if (node.op === 'comprehension') {
      const { iterable, step: body, iterVarName } = node.args as CelComprehension;
      visit(iterable, bound);
      visit(body, new Set([...bound, iterVarName]));
      return;
    }
    for (const child of childrenOf(node)) visit(child, bound);
  };
  visit(root, new Set());
  return { names, steps, hasComputedStep };
}

function stepOf(node: CelNode, bound: ReadonlySet<string>): string | undefined {
  if (node.op !== '.' && node.op !== '[]') return undefined;
  const [target, key] = node.args as [CelNode, string | CelNode];
  if (target.op !== 'id' || target.args !== 'steps' || bound.has('steps')) return undefined;
  if (typeof key === 'string') return key;
  return key.op === 'value' && typeof key.args === 'string' ? key.args : undefined;
}
