import type { JsonObject } from '../json';

/** A letter, then letters, digits, dash and underscore. A collection is made by its first document. */
export const COLLECTION_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;
export const COLLECTION_MESSAGE =
  'collection must be 1 to 64 letters, digits, dashes or underscores, and start with a letter';

/** A place inside a document: names with dots between them. */
export const FIELD_PATH = /^(?=.{1,256}$)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/;

/** One document of a collection. */
export class StoredDocument {
  readonly id!: string;
  readonly collection!: string;
  readonly agentId!: string;
  readonly document!: JsonObject;
  /** Grows by one with each change, from 1. */
  readonly version!: number;
  readonly createdAt!: string;
  readonly updatedAt!: string;
}
