import { DEFAULT_PAGE_SIZE, DEFINITIONS, type QueryDocumentsRequest } from '@agent-platform/contracts';
import { readAllAs, type RowContext } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import type { Call, Reply } from '@agent-platform/messaging';
import { AGENT_POOL } from '@agent-platform/service-host';
import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { Pool, QueryConfig as PgQuery } from 'pg';
import { collectionQuery, theCollection, type Collection } from '../collections/find-collection.sql';
import { QueryConfig } from '../config';
import { pageReply } from '../documents/document-reply';
import { compileQuery, type QueryResult, type Scope, type Statement } from './compile-query';
import { indexConditionsOf } from './index-conditions';
import type { Query } from './query';
import { fingerprintOf, readCursor, writeCursor, type Key } from './query-cursor';
import { QueryCosts, type Explained } from './query-costs';
import { readQuery } from './read-query';

/** Documents that are taken from an index one by one: for a page less than for what looks at all of them anyway. */
const MAX_INDEX_ROWS = 10_000;
const MAX_INDEX_ROWS_OF_ALL = 100_000;
const MAX_KNOWN_COLLECTIONS = 10_000;
const CANCELLED = '57014';
/** Of `data.matching_documents`. */
const UNHELPFUL_INDEX = 'DQ001';

type Known = Pick<Collection, 'id' | 'name'>;

/** Finds and aggregates documents. */
@Injectable()
export class QueryService {
  /** By agent and reference: each is looked up again beside the query that it is used for. */
  private readonly known = new LRUCache<string, Known>({ max: MAX_KNOWN_COLLECTIONS });

  constructor(
    @Inject(AGENT_POOL) private readonly pool: Pool,
    private readonly config: QueryConfig,
    private readonly costs: QueryCosts,
  ) {}

  /** @throws AppError `data.query.invalid`, `.too-expensive`, `.too-slow`, `data.collection.not-found`, `.ambiguous` */
  async query({ rows, agent }: Call, request: QueryDocumentsRequest): Promise<Reply> {
    const { collection: reference } = request;
    if (reference === DEFINITIONS) throw noQueriesOfDefinitions();
    const query = readQuery(request);
    const lookUp = collectionQuery(agent.id, reference);
    const key = `${agent.id} ${reference}`;
    let collection = this.known.get(key);
    if (!collection) {
      const [found = []] = await readAllAs<Collection>(this.pool, rows, [lookUp]);
      collection = theCollection(found, reference);
    }
    // The name may mean another collection by now: the answer that was looked up beside the query counts.
    for (;;) {
      const answer = await this.ask(rows, lookUp, collection, query, request);
      const { id, name } = theCollection(answer.found, reference);
      this.known.set(key, { id, name });
      if (id === collection.id && name === collection.name) return answer.reply;
      collection = { id, name };
    }
  }

  private async ask(
    rows: RowContext,
    lookUp: PgQuery,
    collection: Known,
    query: Query,
    request: QueryDocumentsRequest,
  ): Promise<{ readonly found: Collection[]; readonly reply: Reply }> {
    const { limit = DEFAULT_PAGE_SIZE, cursor } = request;
    const fingerprint = fingerprintOf(request);
    const after =
      cursor === undefined
        ? undefined
        : readCursor(cursor, fingerprint, orderLength(query), query.kind === 'documents');
    const run = async (index: Scope['index']) => {
      const statement = compileQuery(query, { collection, limit, after, index });
      // What an index gives is bounded by its number.
      if (!index) await this.costs.check(collection.id, statement, () => this.explain(rows, statement));
      const [found = [], , results = []] = await this.read(rows, [lookUp, this.settings(), statement]);
      return { found: found as Collection[], results: results as QueryResult[] };
    };
    const { found, results } = await this.byIndex(collection, query, run);
    const shown = results.slice(0, limit);
    const last = shown.at(-1);
    const hasMore =
      last !== undefined && last.found > shown.length && !(query.kind === 'groups' && query.groupBy.length === 0);
    const nextCursor = hasMore
      ? writeCursor(fingerprint, { keys: JSON.parse(last.keys) as Key[], tie: last.tie })
      : null;
    return {
      found,
      reply: pageReply(
        shown.map(({ row }) => row),
        nextCursor,
      ),
    };
  }

  /** With the help of an index, where one knows a part of the filter and finds few enough. */
  private async byIndex<T>({ id }: Known, query: Query, run: (index: Scope['index']) => Promise<T>): Promise<T> {
    const conditions = indexConditionsOf(query.filter);
    const looksAtAll = query.kind === 'groups' || query.sort.length > 0;
    const maxRows = looksAtAll ? MAX_INDEX_ROWS_OF_ALL : MAX_INDEX_ROWS;
    if (!conditions || this.costs.isUnhelpful(id, conditions, maxRows)) return run(undefined);
    try {
      return await run({ conditions, maxRows });
    } catch (error) {
      if ((error as { code?: string }).code !== UNHELPFUL_INDEX) throw error;
      this.costs.noteUnhelpful(id, conditions, maxRows);
      return run(undefined);
    }
  }

  private async explain(rows: RowContext, { text, values }: Statement): Promise<Explained | undefined> {
    const [, [plan] = []] = await this.read(rows, [this.settings(), { text: `EXPLAIN (FORMAT JSON) ${text}`, values }]);
    return plan as Explained | undefined;
  }

  private async read(rows: RowContext, statements: readonly PgQuery[]): Promise<object[][]> {
    try {
      return await readAllAs<object>(this.pool, rows, statements);
    } catch (error) {
      if ((error as { code?: string }).code !== CANCELLED) throw error;
      throw new AppError(
        'data.query.too-slow',
        `The query took more than ${this.config.queryTimeoutMs} ms. Begin it with a condition that an index knows (a field that equals a value, or text), or ask for less.`,
        { cause: error },
      );
    }
  }

  /** For the rest of the transaction. To compile a statement costs more than it saves within the time that a query has. */
  private settings(): PgQuery {
    return {
      name: 'query-settings',
      text: "SELECT set_config('statement_timeout', $1, true), set_config('jit', 'off', true)",
      values: [String(this.config.queryTimeoutMs)],
    };
  }
}

/** Parts of the order that a cursor names. */
function orderLength(query: Query): number {
  if (query.kind === 'documents') return query.sort.length;
  const rest = query.groupBy.filter(({ text }) => !query.sort.some(({ by }) => by === text));
  return query.sort.length + rest.length;
}

function noQueriesOfDefinitions(): AppError {
  const message = 'holds the definitions of the others, which can be listed and not queried';
  return new AppError('data.query.invalid', `The collection ${DEFINITIONS} ${message}.`, {
    errors: [{ path: 'collection', message }],
  });
}
