import { WORKFLOW_DEFINITION_SCHEMA, type JsonObject } from '@agent-platform/contracts';
import Ajv2020 from 'ajv/dist/2020';
import { BAD_DEFINITIONS, VALID_DEFINITIONS } from './compile-definition.cases';
import { STEP_TYPES } from './definition';
import { LIMITS, MAX_ATTEMPTS } from './definition-limits';

const isOfForm = new Ajv2020({ strict: false }).compile<JsonObject>(WORKFLOW_DEFINITION_SCHEMA);

it.each(VALID_DEFINITIONS)('the published schema takes %s', (_what, definition) => {
  expect(isOfForm(definition) ? [] : isOfForm.errors).toEqual([]);
});

/** What a schema cannot say: it spans several steps, is an expression or another schema, or is a question of size. */
const BEYOND_FORM =
  /expression|cycle|need|goto|reading|duplicate|given again|steps$|bytes|nesting|input schema|output|inside|prototype|constructor|__proto__|toString|valueOf|hasOwnProperty|if that does not|match|31|two weeks|of 0|"0s"|of 2 hours|"2d"|of a transform|of an event|retry of|data without|params of another|approve|2027|workflow.started|system.error|compensate that reads/;

const ofForm = BAD_DEFINITIONS.filter(([what]) => !BEYOND_FORM.test(what));

it.each(ofForm)('the published schema refuses %s', (_what, _path, definition) => {
  expect(isOfForm(definition)).toBe(false);
});

it('refuses most of what saving refuses', () => {
  expect(
    BAD_DEFINITIONS.filter(([what, , definition]) => what !== 'nesting of 1 000' && !isOfForm(definition)).length,
  ).toBeGreaterThan(150);
});

it('knows the types of steps and the limits that the compiler knows', () => {
  const { step, retry } = WORKFLOW_DEFINITION_SCHEMA.$defs;
  expect([...step.properties.type.enum].sort()).toEqual([...STEP_TYPES].sort());
  expect(retry.properties.maxAttempts).toMatchObject({ maximum: MAX_ATTEMPTS });
  expect(JSON.stringify(step)).toContain(`"maximum":${LIMITS.foreachConcurrency}`);
});
