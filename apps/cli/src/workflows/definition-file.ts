import { readText } from '../actions/parse-param';
import { CliError, EXIT } from '../exit-codes';
import type { Session } from '../session';
import { checkDefinition, type DefinitionProblem } from './check-definition';
import { placeOfError } from './json-lines';

/** A workflow as it was read: the definition, and what stood beside it. */
export interface DefinitionFile {
  /** As messages name it. */
  readonly name: string;
  readonly text: string;
  /** Where the definition is in the text. */
  readonly pointer: '' | '/definition';
  readonly definition: unknown;
  /** Of `{"definition": …, "name": …}`: the other params. */
  readonly params: Readonly<Record<string, unknown>>;
}

/** Reads a definition, or the params of `workflow.create` around one. @param file `-` for standard input @throws CliError */
export async function readDefinition(file: string, session: Session): Promise<DefinitionFile> {
  const name = file === '-' ? 'standard input' : file;
  const text = file === '-' ? await session.readStdin() : readText(file, '--file');
  const parsed = parse(text, name);
  const isWrapped = typeof parsed === 'object' && parsed !== null && 'definition' in parsed && !('steps' in parsed);
  if (!isWrapped) return { name, text, pointer: '', definition: parsed, params: {} };
  const { definition, ...params } = parsed as Record<string, unknown>;
  return { name, text, pointer: '/definition', definition, params };
}

/** @throws CliError that names each wrong path with its line */
export async function refuseBadDefinition(file: DefinitionFile): Promise<void> {
  const problems = await checkDefinition(file.definition, file);
  if (problems.length > 0) throw new CliError(problemsText(file.name, problems), EXIT.failed);
}

function problemsText(name: string, problems: readonly DefinitionProblem[]): string {
  const lines = problems.map(
    ({ path, line, message }) => `  ${line === undefined ? '' : `line ${line}: `}${path} ${message}`,
  );
  return [`${name} is no valid workflow.`, ...lines].join('\n');
}

function parse(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CliError(
      `${name} is not JSON, ${placeOfError(text, error as Error)}: ${(error as Error).message}`,
      EXIT.failed,
    );
  }
}
