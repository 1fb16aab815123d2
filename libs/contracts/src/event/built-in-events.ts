import type { JsonObject } from '../json';
import type { RESERVED_EVENT_PREFIXES } from './event';

/** A type of event that the platform itself emits. */
export interface BuiltInEvent {
  readonly category: (typeof RESERVED_EVENT_PREFIXES)[number];
  readonly description: string;
  /** JSON Schema (2020-12) of `data`. Fields may be added, so readers ignore those that they do not know. */
  readonly schema: JsonObject;
}

const ID: JsonObject = { type: 'string', format: 'uuid' };
const TEXT: JsonObject = { type: 'string' };
const TIME: JsonObject = { type: 'string', format: 'date-time' };
const COUNT: JsonObject = { type: 'integer', minimum: 1 };
const RUN = { runId: ID, workflowId: ID, workflowVersion: COUNT };
const DOCUMENT = { collection: TEXT, id: ID };

/** Of a run or an integration: a code of the error catalogue and a sentence. */
const FAILURE: JsonObject = {
  type: 'object',
  required: ['code', 'detail'],
  properties: { code: TEXT, detail: TEXT, stepId: TEXT },
};

/** An object with these fields, all of which must be there unless they are named optional. */
function dataOf(properties: Record<string, JsonObject>, optional: readonly string[] = []): JsonObject {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    required: Object.keys(properties).filter((name) => !optional.includes(name)),
    properties,
  };
}

/** The 15 types of SPEC section 8. Agents emit under other prefixes. */
export const BUILT_IN_EVENTS: Readonly<Record<string, BuiltInEvent>> = {
  'workflow.started': {
    category: 'workflow',
    description: 'A run has started.',
    schema: dataOf({ ...RUN, trigger: { enum: ['manual', 'schedule', 'event', 'parent', 'retry'] } }),
  },
  'workflow.completed': {
    category: 'workflow',
    description: 'A run has ended as its definition says.',
    schema: dataOf(RUN),
  },
  'workflow.failed': {
    category: 'workflow',
    description: 'A run has failed.',
    schema: dataOf({ ...RUN, error: FAILURE }),
  },
  'workflow.scheduled': {
    category: 'workflow',
    description: 'A due time of a schedule has come; without a run where the schedule skips it.',
    schema: dataOf({ workflowId: ID, dueAt: TIME, runId: ID }, ['runId']),
  },
  'integration.connected': {
    category: 'integration',
    description: 'An agent has connected an integration, or one that was down is back.',
    schema: dataOf({ integrationId: ID, name: TEXT, scopes: { type: 'array', items: TEXT } }, ['scopes']),
  },
  'integration.disconnected': {
    category: 'integration',
    description: 'A connection was revoked and its credential deleted.',
    schema: dataOf({ integrationId: ID, name: TEXT }),
  },
  'integration.error': {
    category: 'integration',
    description: 'An integration needs a look: its grant is dead or ends soon, or its health check fails.',
    schema: dataOf({ integrationId: ID, name: TEXT, error: FAILURE }),
  },
  'agent.created': {
    category: 'agent',
    description: 'An agent was registered.',
    schema: dataOf({ agentId: ID, name: TEXT, type: { enum: ['autonomous', 'tool'] } }),
  },
  'agent.updated': {
    category: 'agent',
    description: 'Fields, skills, keys or the signing secret of an agent have changed.',
    schema: dataOf({ agentId: ID, name: TEXT, changed: { type: 'array', items: TEXT } }),
  },
  'agent.suspended': {
    category: 'agent',
    description: 'An agent was suspended; its keys are refused from now on.',
    schema: dataOf({ agentId: ID, name: TEXT }),
  },
  'data.created': {
    category: 'data',
    description: 'A document was stored.',
    schema: dataOf({ ...DOCUMENT, version: COUNT }),
  },
  'data.updated': {
    category: 'data',
    description: 'A document was changed.',
    schema: dataOf({ ...DOCUMENT, version: COUNT }),
  },
  'data.deleted': {
    category: 'data',
    description: 'A document was removed.',
    schema: dataOf(DOCUMENT),
  },
  'system.error': {
    category: 'system',
    description: 'Something needs the operator, such as an endpoint that was disabled after failing for days.',
    schema: dataOf({ service: TEXT, error: FAILURE }),
  },
  'system.maintenance': {
    category: 'system',
    description: 'Maintenance is planned or under way.',
    schema: dataOf({ detail: TEXT, startsAt: TIME, endsAt: TIME }, ['endsAt']),
  },
};
