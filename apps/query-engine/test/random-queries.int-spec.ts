import type { JsonObject, QueryDocumentsRequest } from '@agent-platform/contracts';
import { createPool, roleOf } from '@agent-platform/database';
import type { Call } from '@agent-platform/messaging';
import { createTestDatabase, testScale, type TestDatabase } from '@agent-platform/testing';
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { QueryConfig } from '../src/config';
import { QueryCosts } from '../src/query/query-costs';
import { QueryService } from '../src/query/query.service';
import { compareBy, evaluate, type Asked, type Kept } from './evaluate';
import { Chance, randomDocument, randomQuery } from './random-queries';

/** `TEST_SCALE=5 npx jest apps/query-engine/test/random-queries` is the whole of it: 2000 queries. */
const QUERIES = 400 * testScale();
const DOCUMENTS = 150;
const SEED = Number(process.env.TEST_SEED ?? 20_261_125);

let database: TestDatabase;
let pool: Pool;
let queries: QueryService;
const [me, other] = [randomUUID(), randomUUID()];
const chance = new Chance(SEED);

beforeAll(async () => {
  database = await createTestDatabase();
  const role = roleOf('query-engine');
  pool = createPool({ url: database.urlOf(role), role, name: 'test', max: 2, onError: () => undefined });
  const config = new QueryConfig();
  queries = new QueryService(pool, config, new QueryCosts(config));
});
afterAll(async () => {
  await pool?.end();
  await database?.drop();
});

/** A collection `things` of an agent. */
async function fill(agentId: string, documents: readonly JsonObject[]): Promise<Kept[]> {
  const id = randomUUID();
  await database.query('INSERT INTO data.collections (id, agent_id, name) VALUES ($1, $2, $3)', [
    id,
    agentId,
    'things',
  ]);
  return database.query<Kept>(
    `INSERT INTO data.documents (id, collection_id, agent_id, created_by, version, document, created_at, updated_at)
     SELECT gen_random_uuid(), $1, $2, $2, 1 + n % 3, d, t, t + n * interval '1 ms'
     FROM unnest($3::jsonb[]) WITH ORDINALITY AS u (d, n), LATERAL (SELECT timestamptz '2026-01-01T00:00:00Z' + (n / 3) * interval '1.0005 s') AS at (t)
     RETURNING id, version, created_by AS "createdBy", document,
       to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "createdAt",
       to_char(updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "updatedAt"`,
    [id, agentId, documents.map((document) => JSON.stringify(document))],
  );
}

/** All pages of a query, as an agent. */
async function rowsOf(agentId: string, asked: Asked, limit: number): Promise<JsonObject[]> {
  const call = { agent: { id: agentId }, rows: { agentId, seesAll: false } } as Call;
  const rows: JsonObject[] = [];
  let cursor: string | undefined;
  do {
    const request = { collection: 'things', limit, cursor, ...asked } as QueryDocumentsRequest;
    const { body } = await queries.query(call, request);
    const { data, page } = JSON.parse(body) as { data: JsonObject[]; page: { nextCursor: string | null } };
    if (data.length > limit) throw new Error('a page holds more than its limit');
    rows.push(...data);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return rows;
}

/** As text, with names in order; numbers to 12 digits, as an average has no end. */
function shown(row: object): string {
  const sorted = (value: unknown): unknown => {
    if (typeof value === 'number') return Number(value.toPrecision(12));
    if (Array.isArray(value)) return value.map(sorted);
    if (typeof value !== 'object' || value === null) return value;
    return Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, item]) => [name, sorted(item)]);
  };
  return JSON.stringify(sorted(row));
}

it(`answers ${QUERIES} random queries as a plain evaluation of them does, and no document of another agent`, async () => {
  const documents = Array.from({ length: DOCUMENTS }, () => randomDocument(chance));
  const kept = await fill(me, documents);
  // The same documents again, so that whatever finds one of ours finds one of theirs.
  const foreign = new Set((await fill(other, documents)).map(({ id }) => id));
  const ids = [...kept.map(({ id }) => id).slice(0, 20), ...foreign].slice(0, 40).concat(me, other);
  const times = [...kept.map(({ createdAt }) => createdAt).slice(0, 30), '2026-01-01T01:00:10+01:00'];
  const isoTimes = new Map([['2026-01-01T01:00:10+01:00', '2026-01-01T00:00:10.000Z']]);
  let found = 0;
  let pages = 0;
  for (let n = 0; n < QUERIES; n++) {
    const asked = randomQuery(chance, ids, times);
    const limit = chance.one([9, 40, 200, 200]);
    const rows = await rowsOf(me, asked, limit);
    const normal = JSON.parse(
      JSON.stringify(asked),
      (_key, value: unknown) => isoTimes.get(value as string) ?? value,
    ) as Asked;
    const expected = evaluate(kept, normal);
    const isGrouped = asked.aggregate !== undefined || asked.groupBy !== undefined;
    const got = rows.map((row) => shown(isGrouped || asked.select ? row : { id: row.id, document: row.document }));
    const wanted = expected.map(shown);
    const inOrder = (list: string[]) => (isGrouped ? [...list].sort() : list);
    if (JSON.stringify(inOrder(got)) !== JSON.stringify(inOrder(wanted)))
      throw new Error(
        `query ${n} of seed ${SEED}: ${JSON.stringify(asked)}\nanswered ${got.join('\n')}\nnot ${wanted.join('\n')}`,
      );
    // Of groups whose place is the same the order is any; but each must be at its place.
    if (isGrouped && asked.sort) {
      const { sort } = asked;
      const isSorted = rows.every((row, index) => {
        const before = rows[index - 1];
        return !before || compareBy(sort, (field) => [before[field], row[field]]) <= 0;
      });
      expect([asked, isSorted]).toEqual([asked, true]);
    }
    expect(rows.some((row) => foreign.has(row.id as string))).toBe(false);
    found += rows.length;
    pages += Math.ceil(rows.length / limit) || 1;
  }
  process.stdout.write(`random queries: ${QUERIES} of seed ${SEED}, ${found} rows on ${pages} pages\n`);
  expect(found).toBeGreaterThan(QUERIES);
});
