/**
 * What this library uses of cel-js beyond its typed surface. The package is pinned to one exact version, and the bombs of
 * `template.spec.ts` fail if a new version keeps these things elsewhere.
 */
export interface CelNode {
  readonly op: string;
  args: unknown;
  /** Offset of the node's anchor; `start` and `end` span its source. */
  readonly pos: number;
  readonly start: number;
  readonly end: number;
  readonly input: string;
  /** `alternate` is what a macro or a constant was expanded to. */
  readonly meta: { readonly alternate?: CelNode; readonly macro?: unknown };
  /** Set by the type checker: does the node's work once its operands have been evaluated. */
  handle?: (...args: unknown[]) => unknown;
  setMeta(key: 'evaluate', evaluate: (evaluator: CelEvaluator, node: CelNode, context: unknown) => unknown): CelNode;
}

export interface CelType {
  readonly kind: string;
}

export interface CelRegistry {
  deleteVariable(name: string): void;
  getListType(value: CelType): CelType;
  getMapType(key: CelType, value: CelType): CelType;
  findMacro(name: string, hasReceiver: boolean, argumentCount: number): unknown;
  functionCandidates(hasReceiver: boolean, name: string, argumentCount: number): unknown;
}

export interface CelEvaluator {
  readonly registry: CelRegistry;
  readonly dynType: CelType;
  readonly listType: CelType;
  readonly mapType: CelType;
  debugType(value: unknown): CelType;
  debugTypeDeep(value: unknown): CelType;
  run(node: CelNode, context: unknown): unknown;
}

/** A loop over items: `map`, `filter`, `all`, `exists`, `exists_one`. */
export interface CelComprehension {
  readonly iterVarName: string;
  readonly iterable: CelNode;
  readonly init: CelNode;
  readonly step: CelNode;
  readonly iterCtx?: { iterValue: unknown; accuValue: unknown; reuse(parent: unknown): unknown };
}

/** The nodes that a node is made of, a macro's expansion in place of its arguments. */
export function childrenOf(node: CelNode): CelNode[] {
  if (node.meta.alternate !== undefined) return [node.meta.alternate];
  if (node.op === 'value' || node.op === 'id') return [];
  if (node.op === 'comprehension') {
    const { iterable, init, step } = node.args as CelComprehension;
    return [iterable, init, step];
  }
  return collect(node.args);
}

/** The source of a node, for messages. */
export function sourceOf(node: CelNode): string {
  return node.input.slice(node.start, node.end);
}

function collect(args: unknown): CelNode[] {
  if (Array.isArray(args)) return args.flatMap(collect);
  return isNode(args) ? [args] : [];
}

function isNode(value: unknown): value is CelNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'meta' in value;
}
