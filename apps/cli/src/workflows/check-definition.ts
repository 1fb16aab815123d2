import type { ErrorObject } from 'ajv';
import { linesOf } from './json-lines';

/** What is wrong with a definition, and where. */
export interface DefinitionProblem {
  /** As the platform names it: `steps[0].with.url`. */
  readonly path: string;
  readonly line?: number;
  readonly message: string;
}

/** Told by what is within, or beside. */
const SUMMARIES = ['if', 'anyOf'];
/** What is wrong with each of several forms, of which one is enough. */
const WITHIN_ONE_OF = /\/oneOf\/\d+\//;

/**
 * Checks the form of a definition by the schema that the platform publishes. What spans several steps is checked when it is saved.
 *
 * @param source the text that it was read from, and the pointer to it there, so that lines can be told
 */
export async function checkDefinition(
  definition: unknown,
  source?: { readonly text: string; readonly pointer: string },
): Promise<DefinitionProblem[]> {
  // Loaded here only: the other commands start sooner without it.
  const [{ createAjv }, { default: schema }] = await Promise.all([
    import('@agent-platform/json-schema'),
    import('../generated/workflow-definition.json'),
  ]);
  const validate = createAjv().compile(schema);
  if (validate(definition)) return [];
  const errors = validate.errors ?? [];
  const specific = errors.filter(
    ({ keyword, schemaPath }) => !SUMMARIES.includes(keyword) && !WITHIN_ONE_OF.test(schemaPath),
  );
  const lines = source && linesOf(source.text);
  const byPath = new Map<string, { line?: number; messages: Set<string> }>();
  for (const error of specific.length > 0 ? specific : errors) {
    const pointer = pointerOf(error);
    const found = byPath.get(pathOf(pointer)) ?? {
      line: lines && lineOf(lines, source.pointer + pointer),
      messages: new Set(),
    };
    byPath.set(pathOf(pointer), found);
    found.messages.add(messageOf(error, errors));
  }
  return [...byPath].map(([path, { line, messages }]) => ({ path, line, message: [...messages].join(', or ') }));
}

/** A field that is missing or not known is meant itself, and not the object that it is missing in. */
function pointerOf({ instancePath, params }: ErrorObject): string {
  const { missingProperty, additionalProperty } = params as Record<string, string | undefined>;
  const field = missingProperty ?? additionalProperty;
  return field === undefined ? instancePath : `${instancePath}/${field.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

function messageOf(
  { keyword, message = 'is not valid', params, instancePath }: ErrorObject,
  all: readonly ErrorObject[],
): string {
  const { allowedValues, pattern } = params as { allowedValues?: readonly unknown[]; pattern?: string };
  if (keyword === 'required') return 'is required';
  if (keyword === 'oneOf') {
    if (params.passingSchemas) return 'has several fields of which it may have one';
    const within = all.filter((each) => WITHIN_ONE_OF.test(each.schemaPath) && each.instancePath === instancePath);
    const fields = within.map(({ params: { missingProperty } }) => String(missingProperty));
    return `must have exactly one of ${fields.join(', ')}`;
  }
  if (keyword === 'additionalProperties') return 'is not a known field';
  if (allowedValues) return `must be one of ${allowedValues.join(', ')}`;
  if (pattern === '\\$\\{\\{') return 'must hold an expression ${{ … }}';
  return message;
}

function pathOf(pointer: string): string {
  const path = pointer
    .split('/')
    .slice(1)
    .map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part.replaceAll('~1', '/').replaceAll('~0', '~')}`))
    .join('');
  return path.replace(/^\./, '') || 'definition';
}

/** A field that is not there has the line of what it should be in. */
function lineOf(lines: ReadonlyMap<string, number>, pointer: string): number | undefined {
  for (let at = pointer; ; at = at.slice(0, at.lastIndexOf('/'))) {
    const line = lines.get(at);
    if (line !== undefined || at === '') return line;
  }
}
