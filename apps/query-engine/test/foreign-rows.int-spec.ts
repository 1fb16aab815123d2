import { createPool, readAs, roleOf, type RowContext } from '@agent-platform/database';
import { createTestDatabase, type TestDatabase } from '@agent-platform/testing';
import { randomUUID } from 'node:crypto';
import { Client, type Pool } from 'pg';
import { compileQuery } from '../src/query/compile-query';
import { indexConditionsOf } from '../src/query/index-conditions';
import { readQuery } from '../src/query/read-query';

let database: TestDatabase;
let pool: Pool;
const [me, other, reader] = [randomUUID(), randomUUID(), randomUUID()];
const [mine, theirs] = [randomUUID(), randomUUID()];
const as = (agentId: string, seesAll = false): RowContext => ({ agentId, seesAll });

beforeAll(async () => {
  database = await createTestDatabase();
  const role = roleOf('query-engine');
  pool = createPool({ url: database.urlOf(role), role, name: 'test', max: 2, onError: () => undefined });
  for (const [id, agentId] of [
    [mine, me],
    [theirs, other],
  ]) {
    await database.query('INSERT INTO data.collections (id, agent_id, name) VALUES ($1, $2, $3)', [
      id,
      agentId,
      'things',
    ]);
    await database.query(
      `INSERT INTO data.documents (id, collection_id, agent_id, created_by, document)
       SELECT gen_random_uuid(), $1, $2, $2, jsonb_build_object('n', n, 'kind', 'k' || n % 10, 'words', 'alpha beta w' || n % 100)
       FROM generate_series(1, 2000) n`,
      [id, agentId],
    );
  }
  await database.query('INSERT INTO data.collection_grants (collection_id, agent_id, owner_id) VALUES ($1, $2, $3)', [
    theirs,
    reader,
    other,
  ]);
  await database.query('VACUUM ANALYZE data.documents');
});
afterAll(async () => {
  await pool?.end();
  await database?.drop();
});

/** What a query would find if nobody had checked which collection the agent may ask of. */
function statement(collectionId: string, filter: object, indexed = true) {
  const query = readQuery({ collection: 'things', cursor: undefined, filter: filter as never });
  const conditions = indexed ? indexConditionsOf(query.filter) : undefined;
  const index = conditions && { conditions, maxRows: 10_000 };
  return compileQuery(query, { collection: { id: collectionId, name: 'things' }, limit: 200, after: undefined, index });
}

const FILTERS: readonly object[] = [
  {},
  { kind: 'k1' },
  { kind: { in: ['k1', 'k2'] } },
  { text: 'alpha' },
  { kind: 'k1', text: 'beta' },
  { not: { n: 1 } },
];

it.each(FILTERS)('finds nothing in a collection of another agent by %j, with an index and without', async (filter) => {
  for (const indexed of [true, false]) {
    expect(await readAs(pool, as(me), statement(theirs, filter, indexed))).toEqual([]);
    expect((await readAs(pool, as(me), statement(mine, filter, indexed))).length).toBeGreaterThan(0);
    // Who was granted it finds it, and so does who sees all.
    expect((await readAs(pool, as(reader), statement(theirs, filter, indexed))).length).toBeGreaterThan(0);
    expect((await readAs(pool, as(me, true), statement(theirs, filter, indexed))).length).toBeGreaterThan(0);
  }
});

it('gives no id of another agent by the function that looks into the indexes', async () => {
  const ids = (agentId: string, seesAll = false) =>
    readAs(pool, as(agentId, seesAll), {
      text: `SELECT * FROM data.matching_documents($1, ARRAY['{"kind":"k1"}'::jsonb], NULL, 1000)`,
      values: [theirs],
    });
  expect(await ids(me)).toEqual([]);
  expect(await ids(other)).toHaveLength(200);
  expect(await ids(reader)).toHaveLength(200);
  expect(await ids(me, true)).toHaveLength(200);
  // Nor whether there are more than so many.
  const count = { text: `SELECT * FROM data.matching_documents($1, NULL, 'alpha', 10)`, values: [theirs] };
  expect(await readAs(pool, as(me), count)).toEqual([]);
  await expect(readAs(pool, as(other), count)).rejects.toMatchObject({ code: 'DQ001' });
});

it('lets no error tell of a row of another agent: what is asked of documents is asked after the policy', async () => {
  // Divides by zero for the documents of the other agent alone, if it ever gets to see one.
  const text = `SELECT count(*)::int AS count FROM data.documents d WHERE 1 / (CASE WHEN d.agent_id = $1 THEN 0 ELSE 1 END) = 1`;
  expect(await readAs(pool, as(me), { text, values: [other] })).toEqual([{ count: 2000 }]);
  await expect(readAs(pool, as(other), { text, values: [other] })).rejects.toMatchObject({ code: '22012' });
});

it('lets who may read a collection write nothing to it, and nobody take what is not granted', async () => {
  const insert = `INSERT INTO data.documents (id, collection_id, agent_id, created_by, document) VALUES (gen_random_uuid(), '${theirs}', '${other}', $1, '{}')`;
  const grant = `INSERT INTO data.collection_grants (collection_id, agent_id, owner_id, access) VALUES ('${theirs}', $1, $2, 'write')`;
  const refused = { code: '42501' };
  for (const agent of [reader, me]) {
    await expect(readAs(pool, as(agent), { text: insert, values: [agent] })).rejects.toMatchObject(refused);
    await expect(readAs(pool, as(agent), { text: grant, values: [agent, other] })).rejects.toMatchObject(refused);
    // With itself as the owner, it names a collection that is not there.
    await expect(readAs(pool, as(agent), { text: grant, values: [randomUUID(), agent] })).rejects.toMatchObject({
      code: '23503',
    });
    for (const change of ["UPDATE data.documents SET document = '{}'", 'DELETE FROM data.documents'])
      expect(
        await readAs(pool, as(agent), { text: `${change} WHERE collection_id = $1 RETURNING id`, values: [theirs] }),
      ).toEqual([]);
    expect(
      await readAs(pool, as(agent), { text: `UPDATE data.collection_grants SET access = 'write' RETURNING agent_id` }),
    ).toEqual([]);
  }
});

it.each([
  ['documents_document_idx', `d.document @> ANY (ARRAY['{"kind":"k1"}'::jsonb, '{"kind":"k2"}'])`],
  ['documents_search_idx', `d.search @@ websearch_to_tsquery('simple', 'w7')`],
])('may use %s as the owner, whom no policy asks, and not as the role of the service', async (index, condition) => {
  const text = `EXPLAIN SELECT id FROM data.documents d WHERE d.collection_id = '${mine}' AND ${condition}`;
  const planOf = async (role: string) => {
    const client = new Client({
      connectionString: database.url,
      options: `-c role=${role} -c enable_seqscan=off -c enable_indexscan=off`,
    });
    await client.connect();
    const { rows } = await client.query<Record<string, string>>(text);
    await client.end();
    return rows.map((row) => row['QUERY PLAN']).join('\n');
  };
  expect(await planOf('ap_owner')).toContain(index);
  // If Postgres ever does this by itself, the function is not needed any more.
  expect(await planOf('ap_data')).not.toContain(index);
});

it('hides the documents of a deleted collection at once, and removes only what is the agent’s own', async () => {
  const id = randomUUID();
  await database.query('INSERT INTO data.collections (id, agent_id, name) VALUES ($1, $2, $3)', [id, me, 'gone']);
  await database.query(
    `INSERT INTO data.documents (id, collection_id, agent_id, created_by, document) VALUES (gen_random_uuid(), $1, $2, $2, '{"kind":"k1"}')`,
    [id, me],
  );
  await database.query('INSERT INTO data.collection_grants (collection_id, agent_id, owner_id) VALUES ($1, $2, $3)', [
    id,
    reader,
    me,
  ]);
  const remove = { text: 'SELECT data.remove_collection($1) AS removed', values: [id] };
  expect(await readAs(pool, as(other), remove)).toEqual([{ removed: false }]);
  expect(await readAs(pool, as(me), statement(id, { kind: 'k1' }))).toHaveLength(1);
  expect(await readAs(pool, as(me), remove)).toEqual([{ removed: true }]);
  for (const indexed of [true, false])
    for (const agent of [me, reader])
      expect(await readAs(pool, as(agent), statement(id, { kind: 'k1' }, indexed))).toEqual([]);
});
