import { createTestDatabase, type TestDatabase } from '@agent-platform/testing';
import { randomUUID } from 'node:crypto';
import { Client } from 'pg';

const SCHEMAS = ['auth', 'workflow', 'integration', 'event', 'health', 'data'];
/** Tables without rows of agents: the same for everybody who may read the schema, and changed by the owner alone. */
const SHARED = ['migrations', 'capability_definitions', 'event_types'];

/** How a row of an agent is written, by table; `$1` is the agent, `$2` an id of the row. */
const ROW: Readonly<Record<string, string>> = {
  'auth.agents': "(id, name, type) VALUES ($1, $2::text, 'tool')",
  'auth.api_keys':
    "(id, agent_id, key_hash, prefix, expires_at) VALUES ($2, $1, sha256($2::text::bytea), 'p', now() + interval '1 day')",
  'auth.agent_skills': "(agent_id, capability, notes) VALUES ($1, 'data_read', $2::text)",
  'auth.audit_log':
    "(agent_id, id, at, seq, hash, action, decision, request_id) VALUES ($1, $2, now(), 1, 'x', 'a', 'allowed', 'r')",
  'auth.audit_chains':
    "(month, hash) VALUES (date '1999-01-01' + ('x' || left($2::text, 2))::bit(8)::int * interval '1 month', $1::text::bytea)",
  'auth.sealing_keys':
    "(id, modulus, public_exponent, private_key, salt) VALUES ($2, decode(repeat('ff', 256), 'hex'), 65537, 'x', $1::text::bytea)",
  'auth.signing_secrets': "(id, agent_id, sealing_key_id, sealed) VALUES ($2, $1, $2, 'x')",
  'auth.used_nonces': '(agent_id, nonce) VALUES ($1, $2::text)',
  'auth.rate_limit_windows': '(agent_id) SELECT $1 WHERE $2::text IS NOT NULL',
  'workflow.workflows': '(id, agent_id, name) VALUES ($2, $1, $2::text)',
  'workflow.workflow_versions': "(workflow_id, version, agent_id, definition) VALUES ($2, 1, $1, '{}')",
  'workflow.workflow_runs':
    "(id, workflow_id, workflow_version, agent_id, trigger_type, input, request_id, traceparent) VALUES ($2, $2, 1, $1, 'manual', '{}', 'r', 't')",
  'workflow.workflow_run_steps':
    "(run_id, path, agent_id, step_id, type, status) VALUES ($2, 'p', $1, 's', 'http', 'pending')",
  'workflow.executors': '(id, expires_at) SELECT $2, now() WHERE $1::text IS NOT NULL',
  'workflow.run_signals': "(id, run_id, agent_id, name, payload, sent_by) VALUES ($2, $2, $1, 's', '{}', $1)",
  'workflow.agent_commands':
    "(id, agent_id, to_agent_id, command, payload, proof, expires_at) VALUES ($2, $1, gen_random_uuid(), 'c', '{}', 'p', now())",
  'workflow.workflow_schedules':
    "(workflow_id, agent_id, cron, timezone, overlap, catch_up, jitter, paused, input) VALUES ($2, $1, 'x', 'UTC', 'skip', '', '', true, '{}')",
  'workflow.workflow_triggers': "(id, workflow_id, agent_id, event) VALUES ($2, $2, $1, 'lead.*')",
  'workflow.event_cursors': '(reader) SELECT $2::text WHERE $1::text IS NOT NULL',
  'workflow.scheduled_workflow_runs': "(workflow_id, due_at, agent_id, outcome) VALUES ($2, now(), $1, 'missed')",
  'integration.integrations':
    "(id, agent_id, name, base_url, auth_method, auth, allowed_hosts) VALUES ($2, $1, $2::text, 'https://x', 'basic', '{}', '{x}')",
  'event.log_head': '(one, position) SELECT $1::text IS NOT NULL, 0 WHERE $2::text IS NOT NULL ON CONFLICT DO NOTHING',
  'event.tap_cursor':
    '(one, position) SELECT $1::text IS NOT NULL, 0 WHERE $2::text IS NOT NULL ON CONFLICT DO NOTHING',
  'event.events': "(id, position, agent_id, type, payload) VALUES ($2, 1, $1, 'a.b', '{}')",
  'event.secrets': "(id, agent_id, version, key_version, wrapped_key, sealed) VALUES ($2, $1, 1, 34, 'x', 'x')",
  'event.master_keys': "(version, salt, proof) VALUES (('x' || left($2::text, 2))::bit(8)::int, $1::text::bytea, 'x')",
  'event.event_subscriptions':
    "(id, agent_id, types, target_type, retry_schedule, sees_all, version) VALUES ($2, $1, '{a.b}', 'pull', '{}', false, 0)",
  'event.delivery_rates': '(subscription_id, tokens, refilled_at) SELECT $2, 1, now() WHERE $1::text IS NOT NULL',
  'event.deliveries': '(id, subscription_id, agent_id, event_id, position, bytes) VALUES ($2, $2, $1, $2, 1, 1)',
  'event.webhook_endpoints':
    "(id, integration_id, integration_name, agent_id, tolerance_seconds, options) VALUES ($2, $2, 'n', $1, 300, '{}')",
  'event.webhook_receipts': '(endpoint_id, delivery_key, agent_id, event_id) VALUES ($2, $2::text, $1, $2)',
  'integration.agent_integrations': '(integration_id, agent_id, owner_id) VALUES ($2, $1, $1)',
  'integration.master_keys':
    "(version, salt, proof) VALUES (('x' || left($2::text, 2))::bit(8)::int, $1::text::bytea, 'x')",
  // 34 is the newest of the two versions above (hex 22): an older one is refused for another reason.
  'integration.integration_credentials':
    "(id, integration_id, agent_id, purpose, key_version, wrapped_key, sealed) VALUES ($2, $2, $1, 'connection', 34, 'x', 'x')",
  'integration.oauth_flows':
    "(state_hash, agent_id, integration_id, key_version, binding, scopes, expires_at) VALUES ($2::text::bytea, $1, $2, 1, 'x', '{}', now())",
  'integration.call_windows': '(integration_id, agent_id) VALUES ($2, $1)',
  'integration.calls_under_way': '(agent_id, key, call_id, expires_at) VALUES ($1, $2::text, $2, now())',
  'integration.integration_health':
    "(integration_id, agent_id, state, since, sequence) VALUES ($2, $1, 'down', now(), 1)",
  'integration.call_periods':
    '(integration_id, period_start, calls, failures) SELECT $2, now(), 1, 1 WHERE $1::text IS NOT NULL',
  'health.granted_agents': '(integration_id, agent_id) VALUES ($2, $1)',
  'health.integrations': "(id, agent_id, name, facts) VALUES ($2, $1, 'n', '{}')",
  'health.check_periods':
    "(integration_id, seconds, period_start, agent_id, checks, failures, latency) VALUES ($2, 300, now(), $1, 1, 1, '{}')",
  'health.call_periods': '(integration_id, period_start, agent_id, calls, failures) VALUES ($2, now(), $1, 1, 1)',
  'health.state_changes':
    "(integration_id, sequence, agent_id, from_state, to_state) VALUES ($2, 1, $1, 'healthy', 'down')",
  'data.collections': '(id, agent_id, name) VALUES ($2, $1, $2::text)',
  'data.collection_grants': '(collection_id, agent_id, owner_id) VALUES ($2, $1, $1)',
  'data.documents': "(id, collection_id, agent_id, created_by, document) VALUES ($2, $2, $1, $1, '{}')",
  outbox: "(agent_id, kind, message_id, payload) VALUES ($1, 'audit', $2, '{}')",
  idempotency_records: "(agent_id, action, key, params_hash, status, body) VALUES ($1, 'a', $2::text, 'x', 200, '')",
};

interface Table {
  readonly schema: string;
  /** With its schema. */
  readonly name: string;
  /** Of a partition: the table that it is a part of. */
  readonly parent: string | null;
  readonly columns: readonly string[];
}

let database: TestDatabase;
let tables: Table[];
/** Not at random: a row's key may be made of an id's first byte alone. */
const [ours, theirs] = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'];

/** The statement that writes a row, and which column says whose it is; null for rows of the service's own. */
function rowOf({ name, parent, columns }: Table) {
  const values = ROW[parent ?? name] ?? ROW[name.split('.')[1] ?? ''];
  if (!values) throw new Error(`The table ${name} has no row here: add one to ROW, so that its policies are tested.`);
  const owner = name === 'auth.agents' ? 'id' : columns.includes('agent_id') ? 'agent_id' : null;
  const insert = (agent: string, id: string) =>
    `INSERT INTO ${name} ${values.replaceAll('$1', `'${agent}'::uuid`).replaceAll('$2', `'${id}'::uuid`)}`;
  return { insert, owner };
}

beforeAll(async () => {
  database = await createTestDatabase();
  // Beside the partitions that migrations made, one as the service makes it.
  await database.query("SELECT auth.ensure_audit_partition((current_date + interval '5 months')::date)");
  await database.query('SELECT event.ensure_events_partition(current_date)');
  tables = await database.query<Table>(
    `SELECT n.nspname AS schema, n.nspname || '.' || c.relname AS name, i.inhparent::regclass::text AS parent,
       ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS columns
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
     WHERE c.relkind IN ('r', 'p') AND n.nspname = ANY ($1) AND c.relname <> ALL ($2) ORDER BY 2`,
    [SCHEMAS, SHARED],
  );
  const admin = new Client({ connectionString: database.url });
  await admin.connect();
  // Without foreign keys and triggers: each table has rows of two agents, whatever they refer to.
  await admin.query('SET session_replication_role = replica');
  for (const table of tables.filter(({ parent }) => parent === null)) {
    for (const agent of [ours, theirs]) await admin.query(rowOf(table).insert(agent, agent));
  }
  // A row in each partition, the default one included.
  await admin.query(
    `INSERT INTO auth.audit_log SELECT (l).* FROM (
       SELECT jsonb_populate_record(l, jsonb_build_object('at', l.at + n * interval '1 month', 'id', gen_random_uuid())) AS l
       FROM auth.audit_log l, generate_series(1, 9) AS n) AS later`,
  );
  await admin.end();
});
afterAll(() => database?.drop());

async function connect(role: string, settings: Readonly<Record<string, string>>): Promise<Client> {
  const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  const client = new Client({ connectionString: database.urlOf(role), options: options.join(' ') });
  await client.connect();
  return client;
}

/** Rows that a statement gave or changed; 0 where it was refused. Leaves nothing behind. */
async function touched(client: Client, sql: string): Promise<number> {
  await client.query('BEGIN');
  try {
    return (await client.query(sql)).rowCount ?? 0;
  } catch (error) {
    const { code } = error as { code?: string };
    // insufficient_privilege: no right to the table, or a row that a policy refuses.
    if (code !== '42501') throw error;
    return 0;
  } finally {
    await client.query('ROLLBACK');
  }
}

it('knows every table of every schema, and each is under forced row-level security', async () => {
  expect(tables.length).toBeGreaterThan(20);
  expect(() => tables.map(rowOf)).not.toThrow();
  const open = await database.query(
    `SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname = ANY ($1) AND NOT (c.relrowsecurity AND c.relforcerowsecurity)`,
    [SCHEMAS],
  );
  expect(open).toEqual([]);
});

describe.each(SCHEMAS)('the role of %s', (schema) => {
  it.each<[string, Record<string, string>]>([
    ['of an agent', { 'app.agent_id': ours }],
    ['of nobody', {}],
    ['that is empty', { 'app.agent_id': '', 'app.scope': '' }],
    ['of an unknown scope', { 'app.scope': 'owner' }],
  ])('sees and changes no foreign row, in a context %s', async (_what, settings) => {
    const client = await connect(`ap_${schema}`, settings);
    const found: string[] = [];
    for (const table of tables) {
      const { insert, owner } = rowOf(table);
      const foreign = owner ? `${owner} <> '${settings['app.agent_id'] || randomUUID()}'` : 'true';
      const column = owner ?? table.columns[0];
      const verbs: Record<string, () => Promise<number>> = {
        select: () => touched(client, `SELECT FROM ${table.name} WHERE ${foreign}`),
        'select for update': () => touched(client, `SELECT FROM ${table.name} WHERE ${foreign} FOR UPDATE`),
        update: () => touched(client, `UPDATE ${table.name} SET ${column} = ${column} WHERE ${foreign}`),
        delete: () => touched(client, `DELETE FROM ${table.name} WHERE ${foreign}`),
        insert: () => touched(client, insert(theirs, randomUUID())),
        truncate: () => touched(client, `TRUNCATE ${table.name}`),
      };
      for (const [verb, run] of Object.entries(verbs)) {
        const rows = await run();
        if (rows > 0) found.push(`${verb} ${table.name}: ${rows}`);
      }
    }
    expect(found).toEqual([]);
    await client.end();
  });
});

it('lets a role read what is shared in its own schema, and nobody but the owner change it', async () => {
  const shared = await database.query<{ schema: string; name: string }>(
    `SELECT schemaname AS schema, schemaname || '.' || tablename AS name FROM pg_tables
     WHERE schemaname = ANY ($1) AND tablename = ANY ($2)`,
    [SCHEMAS, SHARED],
  );
  expect(shared.length).toBeGreaterThan(2);
  for (const schema of SCHEMAS) {
    const client = await connect(`ap_${schema}`, { 'app.scope': 'service' });
    for (const table of shared) {
      expect((await touched(client, `SELECT FROM ${table.name}`)) > 0).toBe(table.schema === schema);
      expect(await touched(client, `UPDATE ${table.name} SET name = name`)).toBe(0);
      expect(await touched(client, `DELETE FROM ${table.name}`)).toBe(0);
    }
    await client.end();
  }
});

it('lets an agent see its own rows of what belongs to agents', async () => {
  for (const schema of ['auth', 'workflow', 'event', 'data']) {
    const client = await connect(`ap_${schema}`, { 'app.agent_id': ours });
    for (const table of tables.filter(
      (one) => one.schema === schema && one.parent === null && rowOf(one).owner && one.name !== 'auth.audit_log',
    )) {
      const { rows } = await client.query(`SELECT FROM ${table.name}`);
      // Nonces are the service's own, as no agent needs to see them.
      expect([table.name, rows.length]).toEqual([table.name, table.name === 'auth.used_nonces' ? 0 : 1]);
    }
    await client.end();
  }
});

it('lets an agent see what belongs to agents that it owns', async () => {
  await database.query(`UPDATE auth.agents SET owner_id = '${ours}' WHERE id = '${theirs}'`);
  const client = await connect('ap_auth', { 'app.agent_id': ours });
  for (const table of ['agents', 'api_keys', 'agent_skills', 'signing_secrets', 'rate_limit_windows']) {
    expect((await client.query(`SELECT FROM auth.${table}`)).rows).toHaveLength(2);
  }
  await client.end();
  const other = await connect('ap_auth', { 'app.agent_id': theirs });
  for (const table of ['agents', 'api_keys', 'agent_skills', 'signing_secrets', 'rate_limit_windows']) {
    expect((await other.query(`SELECT FROM auth.${table}`)).rows).toHaveLength(1);
  }
  await other.end();
  await database.query('UPDATE auth.agents SET owner_id = NULL');
});

it('lets nobody but its granted role call a function', async () => {
  const open = await database.query<{ name: string }>(
    `SELECT p.oid::regprocedure::text AS name FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE n.nspname = ANY ($1) AND (p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.grantee = 0))`,
    [[...SCHEMAS, 'platform']],
  );
  expect(open).toEqual([]);
});
