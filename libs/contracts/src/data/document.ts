import type { Integer, Json, JsonObject, Time } from '../json';

/** Which collection is meant: its name (letters, digits, dashes and underscores; starts with a letter) or its id. */
export const COLLECTION_NAME = /^(?:[A-Za-z][A-Za-z0-9_-]{0,62}|[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12})$/;
export const COLLECTION_MESSAGE =
  'collection must be 1 to 63 letters, digits, dashes or underscores after a first letter, or the id of a collection';

/** The collection whose documents are the definitions of the others: `name`, `schema`, `grants` and limits. */
export const DEFINITIONS = 'collections';

/** A JSON document of a collection. */
export class Document {
  readonly id!: string;
  /** Its name. */
  readonly collection!: string;
  /** The owner of the collection. */
  readonly agentId!: string;
  /** Grows by one with each change; also the `ETag`. */
  readonly version!: Integer;
  readonly document!: JsonObject;
  readonly createdAt!: Time;
  readonly updatedAt!: Time;
}

/** A row that a query answers: a document, what a projection left of it, or an aggregate. */
export class QueryRow {
  [field: string]: Json;
}
