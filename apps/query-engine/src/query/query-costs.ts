import { createHash } from 'node:crypto';
import { AppError } from '@agent-platform/errors';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { QueryConfig } from '../config';
import type { Statement } from './compile-query';
import type { IndexConditions } from './index-conditions';

const MAX_REMEMBERED = 10_000;
const REMEMBERED_MS = 60_000;

/** A row of `EXPLAIN (FORMAT JSON)`. */
export interface Explained {
  readonly 'QUERY PLAN': readonly [{ readonly Plan: { readonly 'Total Cost': number } }];
}

/**
 * What queries cost by the estimate of Postgres, and what its indexes were no help for. Both are remembered for a minute, per collection:
 * a query that comes again is not planned twice. An estimate goes with the text of a statement, which its parameters are no part of.
 */
@Injectable()
export class QueryCosts {
  private readonly costs = new LRUCache<string, number>({ max: MAX_REMEMBERED, ttl: REMEMBERED_MS });
  private readonly unhelpful = new LRUCache<string, true>({ max: MAX_REMEMBERED, ttl: REMEMBERED_MS });

  constructor(private readonly config: QueryConfig) {}

  /**
   * @param explain asks Postgres
   * @throws AppError `data.query.too-expensive`
   */
  async check(collectionId: string, { text }: Statement, explain: () => Promise<Explained | undefined>): Promise<void> {
    const key = keyOf(collectionId, text);
    let cost = this.costs.get(key);
    if (cost === undefined) {
      cost = (await explain())?.['QUERY PLAN'][0].Plan['Total Cost'] ?? 0;
      this.costs.set(key, cost);
    }
    const { maxQueryCost } = this.config;
    if (cost <= maxQueryCost) return;
    throw new AppError(
      'data.query.too-expensive',
      `The query would cost some ${Math.round(cost)} units of Postgres, and may cost ${maxQueryCost}. ` +
        'Ask with fewer conditions, or begin with one that an index knows: a field that equals a value, or text.',
    );
  }

  /** Whether more documents met these conditions, a moment ago, than an index is worth. */
  isUnhelpful(collectionId: string, conditions: IndexConditions, maxRows: number): boolean {
    return this.unhelpful.has(keyOf(collectionId, JSON.stringify([conditions, maxRows])));
  }

  noteUnhelpful(collectionId: string, conditions: IndexConditions, maxRows: number): void {
    this.unhelpful.set(keyOf(collectionId, JSON.stringify([conditions, maxRows])), true);
  }
}

function keyOf(collectionId: string, text: string): string {
  return createHash('sha256').update(`${collectionId} ${text}`).digest('base64url');
}
