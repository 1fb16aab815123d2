import type { Tx } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { QueryConfig } from '../config';
import type { Collection } from './find-collection.sql';

/** A count is made anew after this, or after that where more than half of the room is left, and sooner where room gets short. */
const MAX_AGE_MS = 10_000;
const MAX_AGE_OF_ROOMY_MS = 600_000;
const MAX_COUNTS = 10_000;

interface Count {
  readonly counted: number;
  added: number;
}

/**
 * How many documents collections hold, about: counted at times, and in between what this process has added. No lock is taken, so
 * that writers at the same moment may exceed a limit by as many as they are.
 */
@Injectable()
export class CollectionSizes {
  private readonly counts = new LRUCache<string, Count>({ max: MAX_COUNTS });

  constructor(private readonly config: QueryConfig) {}

  /** @throws AppError `data.collection.full` */
  async checkRoom(tx: Tx, { id, name, maxDocuments }: Collection): Promise<void> {
    const max = maxDocuments ?? this.config.maxDocumentsPerCollection;
    let count = this.counts.get(id);
    // Other processes add as well: an eighth of the room each is known to be there.
    if (!count || count.added >= (max - count.counted) / 8) {
      count = { counted: await countIn(tx, id, max), added: 0 };
      this.counts.set(id, count, { ttl: count.counted < max / 2 ? MAX_AGE_OF_ROOMY_MS : MAX_AGE_MS });
    }
    if (count.counted >= max)
      throw new AppError(
        'data.collection.full',
        `The collection ${name} holds ${max} documents, as many as it may. Delete some first.`,
      );
    count.added++;
  }
}

async function countIn(tx: Tx, collectionId: string, max: number): Promise<number> {
  const { rows } = await tx.query<{ count: number }>({
    name: 'count-documents',
    text: 'SELECT count(*)::int AS count FROM (SELECT FROM data.documents WHERE collection_id = $1 LIMIT $2) d',
    values: [collectionId, max],
  });
  return rows[0]?.count ?? 0;
}
