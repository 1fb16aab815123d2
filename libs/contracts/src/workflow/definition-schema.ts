import { COMMAND_NAME } from '../agent/command';
import { ACTIONS } from '../registry';
import type { Json, JsonObject } from '../json';
import { EVENT_TYPE, EVENT_TYPE_PATTERN } from '../event/event';
import { WORKFLOW_NAME } from './create-workflow';

/** Where the gateway publishes `WORKFLOW_DEFINITION_SCHEMA`. */
export const WORKFLOW_SCHEMA_PATH = '/v1/schemas/workflow.json';

const EXPRESSION = { $ref: '#/$defs/expression' };
const STEPS = { $ref: '#/$defs/steps' };
const DURATION = { $ref: '#/$defs/duration' };
const ANY: JsonObject = {};
const STEP_ID = '^[A-Za-z_][A-Za-z0-9_-]{0,63}$';

/** A field that may also be left to an expression. */
function orExpression(schema: JsonObject): JsonObject {
  const { description, ...rest } = schema;
  return { ...(description !== undefined && { description }), anyOf: [rest, EXPRESSION] };
}

function describe(description: string, schema: JsonObject = ANY): JsonObject {
  return { description, ...schema };
}

const text = (description: string) => orExpression({ description, type: 'string', minLength: 1 });
const object = (description: string) => orExpression({ description, type: 'object' });
const MOCK = { mock: describe('What a dry run takes for the output of this step.') };
const STATUS = { type: 'integer', minimum: 100, maximum: 599 };

/** What a wait looks for. */
function sought(name: string, key: string, form: string): JsonObject {
  return {
    type: 'object',
    required: [key],
    additionalProperties: false,
    properties: {
      [key]: orExpression({ type: 'string', pattern: form }),
      match: describe(`CEL over ${name}, such as ${name}.amount > 10. Without it the first one will do.`, {
        type: 'string',
        minLength: 1,
      }),
    },
  };
}

interface StepForm {
  readonly description: string;
  readonly required: string[];
  readonly fields: Readonly<Record<string, Json>>;
  readonly more?: JsonObject;
}

const DATA_ACTIONS = ACTIONS.map(({ name }) => name)
  .filter((name) => name.startsWith('data.'))
  .map((name) => name.slice('data.'.length));

/** The `with` of each type of step. */
const FORMS: Readonly<Record<string, StepForm>> = {
  http: {
    description: 'Makes one HTTP request. Output: {status, headers, body}.',
    required: ['url'],
    fields: {
      method: orExpression({ enum: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] }),
      url: orExpression({ description: 'Starts with http:// or https://.', type: 'string', pattern: '^https?://[^/]' }),
      query: object('Names and values of the query.'),
      headers: object('Names and values of headers.'),
      body: describe('Text is sent as it is, anything else as JSON.'),
      expectStatus: orExpression({
        description: 'The status, or the list of statuses, that counts as success; 2xx without it.',
        anyOf: [STATUS, { type: 'array', minItems: 1, items: STATUS }],
      }),
      ...MOCK,
    },
  },
  integration: {
    description: 'Calls an integration with its stored credential. Output: {status, headers, body}.',
    required: ['integration'],
    fields: {
      integration: text('Id or name.'),
      method: orExpression({ enum: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] }),
      path: orExpression({
        description: 'Below its base URL; starts with /.',
        type: 'string',
        pattern: '^(/|https?://|\\$\\{\\{)',
      }),
      query: object('Names and values of the query.'),
      headers: object('Names and values of headers.'),
      body: describe('Text is sent as it is, anything else as JSON.'),
      operationId: text('An operation of its OpenAPI document, instead of path.'),
      params: object('The parameters of the operation.'),
      expectStatus: orExpression({
        description: 'The status, or the list of statuses, that counts as success; 2xx without it.',
        anyOf: [STATUS, { type: 'array', minItems: 1, items: STATUS }],
      }),
      ...MOCK,
    },
    more: {
      oneOf: [
        { required: ['path'], properties: { params: false } },
        { required: ['operationId'], properties: { method: false, query: false } },
      ],
    },
  },
  transform: {
    description: 'Computes a value. Output: the value.',
    required: ['value'],
    fields: { value: describe('Any JSON with expressions.') },
  },
  event: {
    description: 'Emits an event. Output: {eventId}.',
    required: ['type'],
    fields: {
      type: orExpression({ description: 'Such as lead.scored.', type: 'string', pattern: EVENT_TYPE.source }),
      data: object('What the event tells.'),
      subject: text('What the event is about.'),
    },
  },
  data: {
    description: 'Reads or writes a collection. Output: what the action answers.',
    required: ['action', 'collection'],
    fields: {
      action: orExpression({ enum: DATA_ACTIONS }),
      collection: text('The collection.'),
      id: text('The document, for get, update and delete.'),
      document: object('For create and update.'),
      ifVersion: describe('For update: the version that it must have.'),
      filter: ANY,
      select: ANY,
      sort: ANY,
      aggregate: ANY,
      groupBy: ANY,
      limit: ANY,
      cursor: ANY,
      ...MOCK,
    },
  },
  workflow: {
    description: 'Starts another workflow as a child. Output: the output of the child, or {runId} with "wait": false.',
    required: ['workflow'],
    fields: {
      workflow: text('Id or name.'),
      version: orExpression({ description: 'The newest without it.', type: 'integer', minimum: 1 }),
      input: object('The input of the child.'),
      wait: orExpression({ type: 'boolean', default: true }),
      ...MOCK,
    },
  },
  agent: {
    description: 'Sends a command to another agent and waits for its answer. Output: the result.',
    required: ['to', 'command'],
    fields: {
      to: orExpression({
        type: 'object',
        minProperties: 1,
        maxProperties: 1,
        additionalProperties: false,
        properties: {
          id: text('The agent.'),
          name: text('The agent.'),
          skill: text('A capability: of the active agents that hold it the one that has most of its rate limit left.'),
        },
      }),
      command: orExpression({ description: 'What it is to do.', type: 'string', pattern: COMMAND_NAME.source }),
      payload: object('What it needs for that.'),
      ...MOCK,
    },
  },
  wait: {
    description: 'Waits for a time, a signal or an event. Output: {}, the payload of the signal, or the event.',
    required: [],
    fields: {
      duration: orExpression(DURATION),
      until: orExpression({ description: 'A time of RFC 3339.', type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT' }),
      signal: sought('signal', 'name', '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$'),
      event: sought('event', 'type', EVENT_TYPE.source),
      ...MOCK,
    },
    more: { oneOf: ['duration', 'until', 'signal', 'event'].map((field) => ({ required: [field] })) },
  },
  approval: {
    description: 'Waits until another agent approves; a denial fails the step. Output: {approved, by, reason}.',
    required: ['title'],
    fields: {
      title: text('What is asked.'),
      description: text('What one must know to answer.'),
      expiresIn: orExpression(DURATION),
      ...MOCK,
    },
  },
  parallel: {
    description: 'Runs branches at the same time. Output: the output of the last step of each, by name.',
    required: ['branches'],
    fields: {
      branches: {
        type: 'object',
        minProperties: 1,
        propertyNames: { pattern: STEP_ID },
        additionalProperties: STEPS,
      },
    },
  },
  foreach: {
    description: 'Runs steps for each item, which they read as item and index. Output: a list of the last outputs.',
    required: ['items', 'steps'],
    fields: {
      items: orExpression({ description: 'A list, or one expression that gives one.', type: 'array' }),
      steps: STEPS,
      concurrency: orExpression({
        description: 'Items under way at once.',
        type: 'integer',
        minimum: 1,
        maximum: 100,
        default: 1,
      }),
    },
  },
};

const FORM_BY_TYPE = Object.entries(FORMS).map(([type, { description, required, fields, more = {} }]) => ({
  if: { required: ['type'], properties: { type: { const: type } } },
  then: {
    description,
    ...(required.length > 0 && { required: ['with'] }),
    properties: { with: { type: 'object', required, additionalProperties: false, properties: fields, ...more } },
  },
}));

const COMMON: JsonObject = {
  if: describe('The step is skipped unless this expression is true.', { type: 'string', pattern: '^\\s*\\$\\{\\{' }),
  timeout: describe('Of one attempt of a call (60 s without it); of the whole of any other step.', DURATION),
  retry: { $ref: '#/$defs/retry' },
  with: { type: 'object' },
};

/**
 * JSON Schema (2020-12) of a workflow definition, for editors: it completes fields, and refuses what is of the wrong form.
 * What spans several steps (ids that are not there, cycles, expressions) is checked when the definition is saved.
 */
export const WORKFLOW_DEFINITION_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Workflow of the Agent Platform',
  description: 'A definition as workflow.create takes it.',
  type: 'object',
  required: ['steps'],
  additionalProperties: false,
  properties: {
    $schema: describe('Where this schema is.', { type: 'string' }),
    name: describe('The name of the workflow.', { type: 'string', pattern: WORKFLOW_NAME.source }),
    description: { type: 'string' },
    whenIntegrationDown: describe('Whether a step waits for an integration that is down, or fails at once.', {
      enum: ['wait', 'fail'],
      default: 'wait',
    }),
    on: describe('The events that start a run each, with the event as its input.', {
      anyOf: [
        { $ref: '#/$defs/trigger' },
        { type: 'array', minItems: 1, maxItems: 50, items: { $ref: '#/$defs/trigger' } },
      ],
    }),
    input: describe('JSON Schema that the input of each run is checked against.', {
      type: 'object',
      additionalProperties: true,
    }),
    steps: STEPS,
    output: describe('The output of the run: any JSON with expressions.'),
  },
  $defs: {
    expression: describe('Text with CEL in ${{ }}, over input, steps, run, and item and index in a foreach.', {
      type: 'string',
      pattern: '\\$\\{\\{',
    }),
    duration: describe('Such as 500ms, 10s, 5m, 2h, 1d or PT10S.', {
      type: 'string',
      pattern: '^(\\d{1,9}(ms|s|m|h|d)|P(?=.)(\\d+W)?(\\d+D)?(T(?=.)(\\d+H)?(\\d+M)?(\\d+(\\.\\d{1,3})?S)?)?)$',
    }),
    retry: {
      description: 'How often and when a failed call is made again.',
      type: 'object',
      additionalProperties: false,
      properties: {
        maxAttempts: describe('The first attempt included.', { type: 'integer', minimum: 1, maximum: 100, default: 3 }),
        initialInterval: DURATION,
        backoffCoefficient: { type: 'number', minimum: 1, maximum: 10, default: 2 },
        maxInterval: DURATION,
        jitter: describe('By which share of itself a delay may be shorter.', {
          type: 'number',
          minimum: 0,
          maximum: 1,
        }),
        retryOn: {
          description: 'Instead of timeouts, network errors, 408, 429 and 5xx.',
          type: 'array',
          items: {
            anyOf: [{ enum: ['timeout', 'network', '4xx', '5xx'] }, { type: 'integer', minimum: 400, maximum: 599 }],
          },
        },
      },
    },
    trigger: {
      type: 'object',
      required: ['event'],
      additionalProperties: false,
      properties: {
        event: describe('A type such as lead.scored, or the beginning of some such as lead.* or *.', {
          type: 'string',
          pattern: EVENT_TYPE_PATTERN.source,
        }),
        filter: describe('CEL over event and its own fields, such as data.points > 10.', {
          type: 'string',
          minLength: 1,
        }),
      },
    },
    steps: { type: 'array', minItems: 1, items: { $ref: '#/$defs/step' } },
    step: {
      type: 'object',
      required: ['id', 'type'],
      additionalProperties: false,
      properties: {
        id: describe('How expressions and other steps name it: steps.<id>.output.', {
          type: 'string',
          pattern: STEP_ID,
        }),
        type: { enum: Object.keys(FORMS) },
        ...COMMON,
        needs: describe('The steps that must be done before: without it the one above, with [] none.', {
          type: 'array',
          uniqueItems: true,
          items: { type: 'string' },
        }),
        onError: {
          description: 'What a failure does: it fails the run, counts as done, or leads to another step.',
          anyOf: [
            { enum: ['fail', 'continue'] },
            {
              type: 'object',
              required: ['goto'],
              additionalProperties: false,
              properties: { goto: { type: 'string' } },
            },
          ],
        },
        compensate: describe('Undoes the step when the run fails later.', { $ref: '#/$defs/compensation' }),
      },
      allOf: FORM_BY_TYPE,
    },
    compensation: {
      type: 'object',
      required: ['type'],
      additionalProperties: false,
      properties: { type: { enum: ['http', 'integration', 'event', 'data', 'transform', 'workflow'] }, ...COMMON },
      allOf: FORM_BY_TYPE,
    },
  },
};
