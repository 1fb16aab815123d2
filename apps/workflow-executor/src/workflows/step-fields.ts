import {
  ACTIONS,
  COMMAND_NAME,
  COMMAND_NAME_MESSAGE,
  EVENT_TYPE,
  RESERVED_EVENT_PREFIXES,
  type Capability,
  type Json,
  type JsonObject,
} from '@agent-platform/contracts';
import type { StepType } from './definition';
import { LIMITS } from './definition-limits';
import { isExpression, isObject, type DefinitionProblems, type FieldType } from './definition-problems';

const HTTP_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const INTEGRATION_METHODS = HTTP_METHODS.filter((method) => method !== 'OPTIONS');
const SIGNAL_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
/** The params of each action of the domain `data`, beside `collection`. */
const DATA_PARAMS: Readonly<Record<string, readonly string[]>> = {
  get: ['id'],
  list: ['limit', 'cursor'],
  create: ['document'],
  update: ['id', 'document', 'ifVersion'],
  delete: ['id'],
  query: ['filter', 'select', 'sort', 'aggregate', 'groupBy', 'limit', 'cursor'],
};
const DATA_FIELDS = [...new Set(Object.values(DATA_PARAMS).flat())];
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

interface TypeRule {
  readonly fields: readonly string[];
  readonly required: readonly string[];
  readonly types?: Readonly<Record<string, FieldType>>;
  readonly check?: (fields: JsonObject, path: string, problems: DefinitionProblems) => void;
}

/** What may stand in the `with` of each type of step. */
const RULES: Record<StepType, TypeRule> = {
  http: {
    fields: ['method', 'url', 'query', 'headers', 'body', 'expectStatus', 'mock'],
    required: ['url'],
    types: { query: 'object', headers: 'object' },
    check: http,
  },
  integration: {
    fields: [
      'integration',
      'method',
      'path',
      'query',
      'headers',
      'body',
      'operationId',
      'params',
      'expectStatus',
      'mock',
    ],
    required: ['integration'],
    types: {
      integration: 'text',
      path: 'text',
      operationId: 'text',
      query: 'object',
      headers: 'object',
      params: 'object',
    },
    check: integration,
  },
  transform: { fields: ['value'], required: ['value'] },
  event: {
    fields: ['type', 'data', 'subject'],
    required: ['type'],
    types: { data: 'object', subject: 'text' },
    check: event,
  },
  data: {
    fields: ['action', 'collection', ...DATA_FIELDS, 'mock'],
    required: ['action', 'collection'],
    types: { collection: 'text', id: 'text', document: 'object' },
    check: data,
  },
  workflow: {
    fields: ['workflow', 'version', 'input', 'wait', 'mock'],
    required: ['workflow'],
    types: { workflow: 'text', version: 'version', input: 'object', wait: 'boolean' },
  },
  agent: {
    fields: ['to', 'command', 'payload', 'mock'],
    required: ['to', 'command'],
    types: { payload: 'object' },
    check: agent,
  },
  wait: { fields: ['duration', 'until', 'signal', 'event', 'mock'], required: [], check: wait },
  approval: {
    fields: ['title', 'description', 'expiresIn', 'mock'],
    required: ['title'],
    types: { title: 'text', description: 'text' },
    check: ({ expiresIn }, path, problems) => {
      if (!isExpression(expiresIn)) problems.duration(expiresIn, `${path}.expiresIn`, { max: LIMITS.waitMs });
    },
  },
  parallel: { fields: ['branches'], required: ['branches'] },
  foreach: {
    fields: ['items', 'steps', 'concurrency'],
    required: ['items', 'steps'],
    types: { items: 'list' },
    check: foreach,
  },
};

/** Checks the `with` of a step as far as it is not left to expressions. */
export function checkFields(type: StepType, fields: JsonObject, path: string, problems: DefinitionProblems): void {
  const { fields: known, required, types = {}, check } = RULES[type];
  problems.unknownFields(fields, known, path);
  problems.required(fields, required, path);
  problems.typed(fields, types, path);
  check?.(fields, path, problems);
}

/** What the agent of a run must hold for a step; undefined where its fields decide when it runs. */
export function capabilityOf(type: StepType, { action }: JsonObject): Capability | undefined {
  if (type === 'event') return 'event_publish';
  if (type === 'integration') return 'integration_execute';
  if (type === 'agent') return 'agent_impersonate';
  if (type !== 'data') return 'workflow_execute';
  if (typeof action !== 'string') return undefined;
  return ACTIONS.find(({ name }) => name === `data.${action}`)?.capability ?? undefined;
}

function http({ method, url, expectStatus }: JsonObject, path: string, problems: DefinitionProblems): void {
  methodAndStatus({ method, expectStatus }, HTTP_METHODS, path, problems);
  if (url !== undefined && !isExpression(url) && !(typeof url === 'string' && /^https?:\/\/[^/]/.test(url))) {
    problems.fail(`${path}.url`, 'must be a URL that starts with http:// or https://');
  }
}

function integration(fields: JsonObject, path: string, problems: DefinitionProblems): void {
  const given = ['path', 'operationId'].filter((name) => Object.hasOwn(fields, name));
  if (given.length !== 1) problems.fail(path, 'must have either path or operationId');
  const foreign = given[0] === 'operationId' ? ['method', 'query'] : ['params'];
  for (const name of foreign.filter((field) => given.length === 1 && Object.hasOwn(fields, field))) {
    problems.fail(`${path}.${name}`, `has no meaning with ${given[0] ?? ''}`);
  }
  methodAndStatus(fields, INTEGRATION_METHODS, path, problems);
  const { path: called } = fields;
  if (
    called !== undefined &&
    typeof called === 'string' &&
    !isExpression(called) &&
    !/^(\/|https?:\/\/|\$\{\{)/.test(called)
  ) {
    problems.fail(`${path}.path`, 'must start with /');
  }
}

function methodAndStatus(
  { method, expectStatus }: { readonly method?: Json; readonly expectStatus?: Json },
  methods: readonly string[],
  path: string,
  problems: DefinitionProblems,
): void {
  if (method !== undefined && !isExpression(method) && !(typeof method === 'string' && methods.includes(method))) {
    problems.fail(`${path}.method`, `must be one of ${methods.join(', ')}`);
  }
  const statuses = Array.isArray(expectStatus) ? expectStatus : [expectStatus];
  const isStatus = (status: Json | undefined) =>
    Number.isInteger(status) && Number(status) >= 100 && Number(status) < 600;
  if (expectStatus !== undefined && !isExpression(expectStatus) && !(statuses.length > 0 && statuses.every(isStatus))) {
    problems.fail(`${path}.expectStatus`, 'must be a status from 100 to 599, or a list of them');
  }
}

function event({ type }: JsonObject, path: string, problems: DefinitionProblems): void {
  if (type === undefined || isExpression(type)) return;
  const prefix = typeof type === 'string' ? (type.split('.')[0] ?? '') : '';
  if (typeof type !== 'string' || !EVENT_TYPE.test(type)) {
    problems.fail(`${path}.type`, 'must be lower-case words with dots between, such as lead.scored');
  } else if ((RESERVED_EVENT_PREFIXES as readonly string[]).includes(prefix)) {
    problems.fail(`${path}.type`, `must not begin with ${prefix}, which belongs to the platform`);
  }
}

function data({ action, ...params }: JsonObject, path: string, problems: DefinitionProblems): void {
  if (action === undefined || isExpression(action)) return;
  const own = typeof action === 'string' && Object.hasOwn(DATA_PARAMS, action) ? DATA_PARAMS[action] : undefined;
  if (!own) {
    problems.fail(`${path}.action`, `must be one of ${Object.keys(DATA_PARAMS).join(', ')}`);
    return;
  }
  const foreign = Object.keys(params).filter((name) => DATA_FIELDS.includes(name) && !own.includes(name));
  for (const name of foreign) problems.fail(`${path}.${name}`, `is no param of ${action as string}`);
  problems.required(
    params,
    own.filter((name) => name === 'id' || name === 'document'),
    path,
  );
}

function agent({ to, command }: JsonObject, path: string, problems: DefinitionProblems): void {
  if (to !== undefined && !isExpression(to)) {
    const given = isObject(to) ? Object.entries(to) : [];
    const [kind, receiver] = given[0] ?? ['', null];
    if (given.length !== 1 || !['id', 'name', 'skill'].includes(kind)) {
      problems.fail(`${path}.to`, 'must have one of id, name and skill');
    } else if (typeof receiver !== 'string' || receiver === '') problems.fail(`${path}.to.${kind}`, 'must be text');
  }
  if (command !== undefined && !isExpression(command) && !(typeof command === 'string' && COMMAND_NAME.test(command))) {
    problems.fail(`${path}.command`, COMMAND_NAME_MESSAGE);
  }
}

function wait(fields: JsonObject, path: string, problems: DefinitionProblems): void {
  const { duration, until } = fields;
  const given = ['duration', 'until', 'signal', 'event'].filter((name) => Object.hasOwn(fields, name));
  if (given.length !== 1) {
    problems.fail(path, `must have one of duration, until, signal or event, and has ${given.join(', ') || 'none'}`);
  }
  if (!isExpression(duration)) problems.duration(duration, `${path}.duration`, { max: LIMITS.waitMs });
  const isTime = typeof until === 'string' && RFC3339.test(until) && !Number.isNaN(Date.parse(until));
  if (until !== undefined && !isExpression(until) && !isTime) {
    problems.fail(`${path}.until`, 'must be a time such as 2027-01-31T09:00:00Z');
  }
  for (const [name, key, form] of [
    ['signal', 'name', SIGNAL_NAME],
    ['event', 'type', EVENT_TYPE],
  ] as const) {
    const sought = fields[name];
    if (sought === undefined) continue;
    if (!isObject(sought)) {
      problems.fail(`${path}.${name}`, `must be an object with ${key}`);
      continue;
    }
    problems.unknownFields(sought, [key, 'match'], `${path}.${name}`);
    problems.required(sought, [key], `${path}.${name}`);
    const value = sought[key];
    if (value !== undefined && !isExpression(value) && !(typeof value === 'string' && form.test(value))) {
      problems.fail(
        `${path}.${name}.${key}`,
        name === 'signal'
          ? 'must be 1 to 128 letters, digits, dots, dashes or underscores'
          : 'must be lower-case words with dots between, such as lead.scored',
      );
    }
    if (name === 'signal' && (value === 'approve' || value === 'deny')) {
      problems.fail(
        `${path}.signal.name`,
        `must not be ${value}, which answers approvals; use a step of type approval`,
      );
    }
    if (sought.match !== undefined && (typeof sought.match !== 'string' || sought.match.trim() === '')) {
      problems.fail(`${path}.${name}.match`, `must be an expression over ${name}, such as ${name}.amount > 10`);
    }
  }
}

function foreach({ concurrency }: JsonObject, path: string, problems: DefinitionProblems): void {
  const { foreachConcurrency: max } = LIMITS;
  if (concurrency === undefined || isExpression(concurrency)) return;
  if (Number.isInteger(concurrency) && Number(concurrency) >= 1 && Number(concurrency) <= max) return;
  problems.fail(`${path}.concurrency`, `must be a whole number from 1 to ${max}`);
}
