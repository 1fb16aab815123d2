import type { Json, JsonObject } from '../json';

/** The name of a collection: letters, digits, dashes and underscores; starts with a letter. */
export const COLLECTION_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,62}$/;
export const COLLECTION_MESSAGE = 'collection must be 1 to 63 letters, digits, dashes or underscores';

/** A JSON document of a collection. */
export class Document {
  readonly id!: string;
  readonly collection!: string;
  readonly agentId!: string;
  /** Grows by one with each change; also the `ETag`. */
  readonly version!: number;
  readonly document!: JsonObject;
  readonly createdAt!: string;
  readonly updatedAt!: string;
}

/** A row that a query answers: a document, what a projection left of it, or an aggregate. */
export class QueryRow {
  [field: string]: Json;
}
