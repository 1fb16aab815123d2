import Ajv2020 from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import { plainToInstance } from 'class-transformer';
import { getMetadataStorage, validateSync } from 'class-validator';
import {
  ACTIONS,
  BUILT_IN_EVENTS,
  CAPABILITIES,
  CAPABILITY_NAMES,
  EVENT_TYPE,
  EVENT_TYPE_PATTERN,
  findAction,
  RESERVED_EVENT_PREFIXES,
  SERVICE_NAMES,
  serviceOf,
  subjectOf,
  type ActionDefinition,
} from './index';

/** The tables of SPEC section 4, with `system.status` beside `system.audit` (docs/adr/0011); `-` for what an agent may always do to itself. */
const TABLE = `
workflow.list workflow_read GET /v1/workflows
workflow.get workflow_read GET /v1/workflows/{id}
workflow.create workflow_manage POST /v1/workflows
workflow.update workflow_manage PATCH /v1/workflows/{id}
workflow.delete workflow_manage DELETE /v1/workflows/{id}
workflow.schedule workflow_manage PUT /v1/workflows/{id}/schedule
workflow.execute workflow_execute POST /v1/workflows/{id}/runs
run.list workflow_read GET /v1/runs
run.get workflow_read GET /v1/runs/{id}
run.cancel workflow_execute POST /v1/runs/{id}/cancel
run.retry workflow_execute POST /v1/runs/{id}/retry
run.signal workflow_execute POST /v1/runs/{id}/signals/{name}
integration.list integration_read GET /v1/integrations
integration.get integration_read GET /v1/integrations/{id}
integration.health integration_read GET /v1/integrations/{id}/health
integration.execute integration_execute POST /v1/integrations/{id}/execute
integration.create integration_manage POST /v1/integrations
integration.update integration_manage PATCH /v1/integrations/{id}
integration.connect integration_manage POST /v1/integrations/{id}/connection
integration.disconnect integration_manage DELETE /v1/integrations/{id}/connection
data.get data_read GET /v1/data/{collection}/{id}
data.list data_read GET /v1/data/{collection}
data.create data_write POST /v1/data/{collection}
data.update data_write PATCH /v1/data/{collection}/{id}
data.delete data_write DELETE /v1/data/{collection}/{id}
data.query data_query POST /v1/data/{collection}/query
agent.list agent_manage GET /v1/agents
agent.get agent_manage GET /v1/agents/{id}
agent.create agent_manage POST /v1/agents
agent.update agent_manage PATCH /v1/agents/{id}
agent.rotate_key agent_manage POST /v1/agents/{id}/keys
agent.revoke_key agent_manage DELETE /v1/agents/{id}/keys/{keyId}
agent.signing_secret agent_manage POST /v1/agents/{id}/signing-secret
agent.set_skills agent_manage PUT /v1/agents/{id}/skills
agent.command agent_impersonate POST /v1/agents/{id}/commands
event.emit event_publish POST /v1/events
event.redeliver event_publish POST /v1/deliveries/{id}/redeliver
event.list event_subscribe GET /v1/events
event.subscribe event_subscribe POST /v1/subscriptions
event.unsubscribe event_subscribe DELETE /v1/subscriptions/{id}
system.audit system_admin GET /v1/audit
system.status system_admin GET /v1/status
me.get - GET /v1/me
me.commands - GET /v1/me/commands
me.respond - POST /v1/me/commands/{id}/result
me.subscriptions - GET /v1/me/subscriptions
`;

const EACH = ACTIONS.map((action) => [action.name, action] as const);

/** Fields of a request class, with the rules on each. */
function rulesOf({ request }: ActionDefinition): Map<string, string[]> {
  const rules = new Map<string, string[]>();
  for (const { propertyName, name, type } of getMetadataStorage().getTargetValidationMetadatas(
    request,
    '',
    false,
    false,
  )) {
    rules.set(propertyName, [...(rules.get(propertyName) ?? []), name ?? type]);
  }
  return rules;
}

function refusals(action: ActionDefinition, params: object): string[] {
  const request = plainToInstance(action.request, params);
  const options = { whitelist: true, forbidNonWhitelisted: true, forbidUnknownValues: false };
  return validateSync(request, options).map(({ property }) => property);
}

describe('the registry', () => {
  it('holds what the specification lists, in its order', () => {
    const lines = ACTIONS.map(
      ({ name, capability, http }) => `${name} ${capability ?? '-'} ${http.method} ${http.path}`,
    );
    expect(lines).toEqual(TABLE.trim().split('\n'));
    expect(ACTIONS.filter(({ capability }) => capability !== null)).toHaveLength(41 + 1);
    expect(ACTIONS.filter(({ capability }) => capability === null)).toHaveLength(4);
  });

  it('has each name and each route once', () => {
    const routes = ACTIONS.map(({ http }) => `${http.method} ${http.path.replace(/\{\w+\}/g, '{}')}`);
    expect(new Set(routes).size).toBe(ACTIONS.length);
    expect(new Set(ACTIONS.map(({ name }) => name)).size).toBe(ACTIONS.length);
  });

  it('finds an action by its name and nothing else', () => {
    expect(findAction('run.retry')).toMatchObject({ name: 'run.retry' });
    for (const name of ['run.Retry', 'constructor', '__proto__', '']) expect(findAction(name)).toBeUndefined();
  });

  it('uses all 14 capabilities, of 6 categories', () => {
    expect(new Set(ACTIONS.map(({ capability }) => capability ?? []).flat())).toEqual(new Set(CAPABILITY_NAMES));
    expect(CAPABILITY_NAMES).toHaveLength(14);
    expect([...new Set(Object.values(CAPABILITIES).map(({ category }) => category))].sort()).toEqual(
      ['workflow', 'integration', 'data', 'agent', 'event', 'system'].sort(),
    );
  });
});

describe.each(EACH)('%s', (_name, action) => {
  const rules = rulesOf(action);

  it('has a subject and a service that owns it', () => {
    expect(subjectOf(action)).toMatch(/^rpc\.[a-z]+\.[a-z_]+\.v1$/);
    expect(SERVICE_NAMES).toContain(serviceOf(action));
  });

  it('takes its path and query params as fields', () => {
    const inPath = [...action.http.path.matchAll(/\{(\w+)\}/g)].map(([, param]) => param);
    expect([...rules.keys()]).toEqual(expect.arrayContaining([...inPath, ...(action.http.query ?? [])]));
  });

  it('takes the version of If-Match as a whole number that may be left out', () => {
    if (action.http.ifMatch === undefined) return;
    expect(rules.get(action.http.ifMatch)).toEqual(expect.arrayContaining(['isInt', 'isOptional']));
  });

  it('accepts its own example, and refuses an unknown field', () => {
    expect(refusals(action, action.example)).toEqual([]);
    expect(refusals(action, { ...action.example, notAField: 1 })).toEqual(['notAField']);
  });

  it('bounds every text and every list', () => {
    for (const [field, names] of rules) {
      if (names.includes('isString') || names.includes('isIso8601'))
        expect([field, names]).toEqual([field, expect.arrayContaining(['maxLength'])]);
      if (names.includes('isInt')) expect([field, names]).toEqual([field, expect.arrayContaining(['min'])]);
      const bounded = ['arrayMaxSize', 'arrayUnique'].some((rule) => names.includes(rule));
      if (names.includes('isArray')) expect([field, bounded]).toEqual([field, true]);
    }
  });

  it('waits 0 to 60 whole seconds, if it waits', () => {
    if (!rules.has('wait')) return;
    for (const wait of [0, 60]) expect(refusals(action, { ...action.example, wait })).toEqual([]);
    for (const wait of [-1, 61, 1.5, '5']) expect(refusals(action, { ...action.example, wait })).toEqual(['wait']);
  });

  it('answers 204 without, and all else with a reply; reads over GET', () => {
    expect(action.reply === null).toBe(action.http.success === 204);
    expect(action.http.success === 204).toBe(action.http.method === 'DELETE');
    if (action.http.method === 'GET') expect([action.effect, action.http.success]).toEqual(['read', 200]);
  });
});

describe('statuses other than 200', () => {
  it('are those of the specification', () => {
    const withStatus = (status: number) =>
      ACTIONS.filter(({ http }) => http.success === status).map(({ name }) => name);
    expect(withStatus(201)).toEqual([
      'workflow.create',
      'integration.create',
      'integration.connect',
      'data.create',
      'agent.create',
      'agent.rotate_key',
      'agent.signing_secret',
      'event.subscribe',
    ]);
    expect(withStatus(202)).toEqual([
      'workflow.execute',
      'run.cancel',
      'run.retry',
      'run.signal',
      'agent.command',
      'event.emit',
      'event.redeliver',
    ]);
  });
});

describe('event types', () => {
  it('accepts lower-case dotted words of at most 128 characters', () => {
    for (const type of ['lead.scored', 'a.b', 'crm.lead-2.re_scored', `a.${'b'.repeat(63)}`])
      expect(type).toMatch(EVENT_TYPE);
    const tooLong = Array.from({ length: 4 }, () => 'b'.repeat(40)).join('.');
    for (const type of [
      '',
      'lead',
      'Lead.scored',
      'lead..scored',
      'lead.',
      '.lead',
      'lead.*',
      'lead.>',
      'a b.c',
      'a.b\n',
      tooLong,
    ]) {
      expect(type).not.toMatch(EVENT_TYPE);
    }
  });

  it('accepts a star for the rest in subscriptions only', () => {
    for (const type of ['*', 'lead.*', 'lead.scored', 'crm.lead.*']) expect(type).toMatch(EVENT_TYPE_PATTERN);
    for (const type of ['lead*', '*.scored', 'lead.*.x', '>', 'lead.**']) expect(type).not.toMatch(EVENT_TYPE_PATTERN);
  });

  it('are the platform’s own under its five prefixes', () => {
    const emit = findAction('event.emit') as ActionDefinition;
    for (const prefix of RESERVED_EVENT_PREFIXES) {
      expect(refusals(emit, { type: `${prefix}.completed`, data: {} })).toEqual(['type']);
      expect(refusals(emit, { type: `${prefix}s.completed`, data: {} })).toEqual([]);
    }
  });
});

describe('built-in events', () => {
  const ajv = addFormats(new Ajv2020({ strict: true }));
  const id = '01938f9e-7c1e-7000-8000-000000000001';

  it('are the 15 of the specification, each under its category', () => {
    expect(Object.keys(BUILT_IN_EVENTS)).toEqual(
      [
        'workflow.started workflow.completed workflow.failed workflow.scheduled',
        'integration.connected integration.disconnected integration.error',
        'agent.created agent.updated agent.suspended',
        'data.created data.updated data.deleted',
        'system.error system.maintenance',
      ].flatMap((line) => line.split(' ')),
    );
    for (const [type, { category }] of Object.entries(BUILT_IN_EVENTS)) {
      expect(type).toMatch(EVENT_TYPE);
      expect(type.split('.')[0]).toBe(category);
    }
    expect([...new Set(Object.values(BUILT_IN_EVENTS).map(({ category }) => category))]).toEqual([
      ...RESERVED_EVENT_PREFIXES,
    ]);
  });

  it.each(Object.entries(BUILT_IN_EVENTS))(
    '%s has a schema that compiles and asks for its fields',
    (_type, { schema }) => {
      const validate = ajv.compile(schema);
      expect(validate({})).toBe(false);
    },
  );

  it('accept what they describe and fields added later', () => {
    const validate = ajv.compile(BUILT_IN_EVENTS['data.created']?.schema ?? {});
    expect(validate({ collection: 'leads', id, version: 1, later: true })).toBe(true);
    expect(validate({ collection: 'leads', id: 'x', version: 1 })).toBe(false);
  });
});
