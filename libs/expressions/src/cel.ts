import { Environment, type ASTNode, type ParseResult } from '@marcbachmann/cel-js';

/** Longer sources are refused. */
export const MAX_SOURCE_LENGTH = 4096;
const LIMITS = { maxAstNodes: 1000, maxDepth: 60 };
const ALL_VARIABLES = ['input', 'steps', 'run', 'item', 'index'];

const ARITHMETIC = {
  '+': (a: number, b: number) => a + b,
  '-': (a: number, b: number) => a - b,
  '*': (a: number, b: number) => a * b,
  '/': (a: number, b: number) => a / b,
  '%': (a: number, b: number) => a % b,
} as const;

/** A JSON number is a CEL double and `2` a CEL int, which CEL does not mix: here they do, as people expect of JSON. */
function createEnvironment(): Environment {
  const environment = new Environment({ unlistedVariablesAreDyn: false, limits: LIMITS });
  for (const variable of ALL_VARIABLES) environment.registerVariable(variable, 'dyn');
  for (const [operator, calculate] of Object.entries(ARITHMETIC)) {
    environment.registerOperator(`double ${operator} int`, (a: number, b: bigint) => calculate(a, Number(b)));
    environment.registerOperator(`int ${operator} double`, (a: bigint, b: number) => calculate(Number(a), b));
  }
  environment.registerOperator('double % double', ARITHMETIC['%']);
  return environment;
}

const environment = createEnvironment();

/** Loops over lists; each inside another multiplies the work. */
const LOOPS = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);

/** What a source says, found once when it is parsed. */
export interface ParsedSource {
  readonly evaluate: ParseResult;
  /** Steps it reads: `steps.<id>` or `steps["<id>"]`. */
  readonly stepRefs: ReadonlySet<string>;
  /** How deep its loops are nested. */
  readonly loopDepth: number;
}

/** A failure with its offset in the source. */
export class SourceError extends Error {
  constructor(
    message: string,
    readonly offset: number,
  ) {
    super(message);
  }
}

/** @throws SourceError */
export function parseSource(source: string, variables: readonly string[]): ParsedSource {
  if (source.length > MAX_SOURCE_LENGTH) {
    throw new SourceError(`the expression is longer than ${MAX_SOURCE_LENGTH} characters`, 0);
  }
  let parsed: ParseResult;
  try {
    parsed = environment.parse(source);
  } catch (error) {
    throw toSourceError(error);
  }
  const stepRefs = new Set<string>();
  const loopDepth = inspect(parsed.ast, variables, stepRefs);
  const check = parsed.check();
  if (!check.valid) throw toSourceError(check.error);
  return { evaluate: parsed, stepRefs, loopDepth };
}

/** A failure of the CEL library as one sentence with its place. */
export function toSourceError(error: unknown): SourceError {
  const { summary, message, node } = error as { summary?: string; message: string; node?: { pos?: number } };
  return new SourceError(summary ?? message.split('\n')[0] ?? 'cannot be read', node?.pos ?? 0);
}

function inspect(node: ASTNode, variables: readonly string[], stepRefs: Set<string>): number {
  if (node.op === 'id' && ALL_VARIABLES.includes(node.args) && !variables.includes(node.args)) {
    throw new SourceError(`Unknown variable: ${node.args}`, node.pos);
  }
  const stepId = stepIdOf(node);
  if (stepId !== undefined) stepRefs.add(stepId);
  const name = node.op === 'rcall' || node.op === 'call' ? node.args[0] : '';
  if (name === 'matches') {
    throw new SourceError('matches() is not available; use startsWith, endsWith or contains', node.pos);
  }
  const depths = childrenOf(node.args).map((child) => inspect(child, variables, stepRefs));
  const deepest = Math.max(0, ...depths);
  return node.op === 'rcall' && LOOPS.has(name) ? deepest + 1 : deepest;
}

function stepIdOf(node: ASTNode): string | undefined {
  if (node.op !== '.' && node.op !== '.?' && node.op !== '[]' && node.op !== '[?]') return undefined;
  const [object, key] = node.args;
  if (object.op !== 'id' || object.args !== 'steps') return undefined;
  if (typeof key === 'string') return key;
  return key.op === 'value' && typeof key.args === 'string' ? key.args : undefined;
}

function childrenOf(args: unknown): ASTNode[] {
  if (Array.isArray(args)) return args.flatMap(childrenOf);
  return typeof args === 'object' && args !== null && 'op' in args ? [args as ASTNode] : [];
}
