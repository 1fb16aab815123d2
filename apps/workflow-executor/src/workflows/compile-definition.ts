import { WORKFLOW_NAME, type Json, type JsonObject } from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import type { Template } from '@agent-platform/expressions';
import { StepCompiler } from './compile-step';
import type { CompiledDefinition } from './definition';
import { LIMITS } from './definition-limits';
import { DefinitionProblems, isObject } from './definition-problems';
import { compileTriggers } from './compile-triggers';
import { compileInputSchema } from './input-schema';
import { checkReferences } from './references';

/** `$schema` tells an editor where the published schema is. */
const DEFINITION_FIELDS = ['$schema', 'name', 'description', 'on', 'whenIntegrationDown', 'input', 'steps', 'output'];
const TOP_LEVEL_VARIABLES = ['input', 'steps', 'run'];
/** So that an answer about a definition with very many problems can be read, and sent. */
const MAX_ERRORS = 100;

/**
 * Checks a definition as a whole and parses its expressions.
 *
 * @throws AppError `workflow.definition.invalid` with every failing path, up to 100
 */
export function compileDefinition(definition: JsonObject): CompiledDefinition {
  const problems = new DefinitionProblems();
  const compiled = compile(definition, problems);
  if (compiled && problems.errors.length === 0) return compiled;
  const [first] = problems.errors;
  const more = problems.errors.length > 1 ? ` and ${problems.errors.length - 1} more` : '';
  throw new AppError('workflow.definition.invalid', `${first?.path}: ${first?.message}${more}.`, {
    errors: problems.errors.slice(0, MAX_ERRORS),
  });
}

function compile(definition: JsonObject, problems: DefinitionProblems): CompiledDefinition | undefined {
  const bytes = Buffer.byteLength(JSON.stringify(definition));
  if (bytes > LIMITS.definitionBytes) {
    return problems.fail('definition', `has ${bytes} bytes; ${LIMITS.definitionBytes} are allowed`);
  }
  problems.unknownFields(definition, DEFINITION_FIELDS, '');
  const { $schema, name, description, on, whenIntegrationDown = 'wait', steps, input, output } = definition;
  if ($schema !== undefined && typeof $schema !== 'string') problems.fail('$schema', 'must be text');
  if (name !== undefined && (typeof name !== 'string' || !WORKFLOW_NAME.test(name))) {
    problems.fail('name', 'must be 1 to 128 letters, digits, dots, dashes or underscores');
  }
  if (description !== undefined && typeof description !== 'string') problems.fail('description', 'must be text');
  if (whenIntegrationDown !== 'wait' && whenIntegrationDown !== 'fail') {
    problems.fail('whenIntegrationDown', 'must be wait or fail');
  }
  const triggers = compileTriggers(on, problems);
  const compiler = new StepCompiler(problems);
  const block = compiler.block(steps, 'steps', { variables: TOP_LEVEL_VARIABLES, nesting: 0 });
  const validateInput = input === undefined ? undefined : inputSchema(input, problems);
  const outputTemplate = output === undefined ? undefined : problems.template(output, 'output', TOP_LEVEL_VARIABLES);
  if (!block) return undefined;
  if (problems.errors.length === 0) checkReferences(block, compiler.ids, problems);
  if (outputTemplate) checkOutput(outputTemplate, new Set(block.steps.map(({ id }) => id)), problems);
  return {
    ...block,
    output: outputTemplate,
    triggers,
    whenIntegrationDown: whenIntegrationDown === 'fail' ? 'fail' : 'wait',
    validateInput,
  };
}

function inputSchema(schema: Json, problems: DefinitionProblems): CompiledDefinition['validateInput'] {
  if (!isObject(schema)) return problems.fail('input', 'must be a JSON Schema');
  const result = compileInputSchema(schema);
  return typeof result === 'string' ? problems.fail('input', result) : result;
}

function checkOutput({ stepRefs }: Template, ids: ReadonlySet<string>, problems: DefinitionProblems): void {
  for (const id of stepRefs) {
    if (!ids.has(id))
      problems.fail('output', `reads steps.${id}, and there is no such step beside the others at the top`);
  }
}
