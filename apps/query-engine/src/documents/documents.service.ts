import {
  DEFAULT_PAGE_SIZE,
  type CreateDocumentRequest,
  type DeleteDocumentRequest,
  type GetDocumentRequest,
  type JsonObject,
  type ListDocumentsRequest,
  type UpdateDocumentRequest,
} from '@agent-platform/contracts';
import { readAs } from '@agent-platform/database';
import { idOfCursor, noContent, UnitOfWork, type Call, type Reply, type WriteTx } from '@agent-platform/messaging';
import { AGENT_POOL } from '@agent-platform/service-host';
import { isUuid, uuidV7 } from '@agent-platform/shared-security';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { CollectionSizes } from '../collections/collection-sizes';
import { DocumentRules } from '../collections/document-rules';
import { checkWritable, noCollection, theCollection, type Collection } from '../collections/find-collection.sql';
import { insertCollection } from '../collections/insert-collection.sql';
import { documentReply, pageReply, withEtag } from './document-reply';
import { checkVersion, noDocument, type DocumentStore } from './document-store';
import {
  deleteDocument,
  getDocumentQuery,
  insertDocument,
  listDocumentsQuery,
  lockDocumentQuery,
  updateDocument,
  writableCollectionQuery,
  type FoundDocument,
  type ListedDocument,
  type LockedDocument,
  type WritableCollection,
} from './documents.sql';
import { mergePatch } from './merge-patch';

/** Names of changed fields that the audit log keeps. */
const MAX_NAMED_FIELDS = 50;

/** The documents of collections. */
@Injectable()
export class DocumentsService implements DocumentStore {
  constructor(
    @Inject(AGENT_POOL) private readonly pool: Pool,
    private readonly work: UnitOfWork,
    private readonly rules: DocumentRules,
    private readonly sizes: CollectionSizes,
  ) {}

  /** @throws AppError `data.collection.not-found`, `data.collection.ambiguous`, `data.document.not-found` */
  async get({ rows, agent }: Call, { collection, id }: GetDocumentRequest): Promise<Reply> {
    const found = theCollection(
      await readAs<FoundDocument>(this.pool, rows, getDocumentQuery(agent.id, collection, id)),
      collection,
    );
    if (found.shown === null) throw noDocument(id, found.name);
    return { status: 200, body: `{"data":${found.shown}}`, etag: String(found.documentVersion) };
  }

  /** @throws AppError `data.collection.not-found`, `data.collection.ambiguous` */
  async list({ rows, agent }: Call, request: ListDocumentsRequest): Promise<Reply> {
    const { collection, cursor, limit = DEFAULT_PAGE_SIZE } = request;
    const query = listDocumentsQuery(agent.id, collection, idOfCursor(cursor), limit + 1);
    const listed = await readAs<ListedDocument>(this.pool, rows, query);
    const collections = listed.filter((row, index) => row.collectionId !== listed[index - 1]?.collectionId);
    const { collectionId, found } = theCollection(collections, collection);
    const shown = listed.filter((row) => row.collectionId === collectionId && row.id !== null).slice(0, limit);
    const last = shown.at(-1);
    const nextCursor = last?.id && found > shown.length ? Buffer.from(last.id).toString('base64url') : null;
    return pageReply(
      shown.map((row) => row.shown ?? ''),
      nextCursor,
    );
  }

  /** @throws AppError `data.collection.*`, `data.document.invalid` */
  async create(call: Call, { collection: reference, document }: CreateDocumentRequest): Promise<Reply> {
    const written = this.work.write(call, async (tx) => {
      const collection = await this.collectionFor(tx, call, reference);
      const json = this.rules.check(collection, document);
      await this.sizes.checkRoom(tx, collection);
      const id = uuidV7();
      tx.send(insertDocument(collection, id, call.agent.id, json));
      const { name, agentId, now } = collection;
      tx.audit({ targetType: 'document', targetId: id, after: { collection: name, version: 1 } });
      tx.emit({ type: 'data.created', subject: id, data: { collection: name, id, version: 1 } });
      return documentReply(201, { id, collection: name, agentId, version: 1, createdAt: now, updatedAt: now }, json);
    });
    return withEtag(await written.catch(refusedByPolicy(reference)));
  }

  /** @throws AppError `data.collection.*`, `data.document.not-found`, `.version-mismatch`, `.invalid` */
  async update(call: Call, request: UpdateDocumentRequest): Promise<Reply> {
    const { collection: reference, id, document: patch, ifVersion } = request;
    return withEtag(
      await this.work.write(call, async (tx) => {
        const { collection, locked } = await this.lock(tx, call, reference, id, ifVersion);
        const merged = mergePatch(JSON.parse(locked.document) as JsonObject, patch);
        const json = this.rules.check(collection, merged);
        const version = locked.version + 1;
        tx.send(updateDocument(collection.id, id, version, json), mustChange(id, collection.name));
        const { name, agentId } = collection;
        tx.audit({
          targetType: 'document',
          targetId: id,
          before: { collection: name, version: locked.version },
          // What documents hold may have to be forgotten, and the audit log forgets nothing.
          after: { collection: name, version, changed: Object.keys(patch).slice(0, MAX_NAMED_FIELDS) },
        });
        tx.emit({ type: 'data.updated', subject: id, data: { collection: name, id, version } });
        const { createdAt, now } = locked;
        return documentReply(200, { id, collection: name, agentId, version, createdAt, updatedAt: now }, json);
      }),
    );
  }

  /** @throws AppError `data.collection.*`, `data.document.not-found`, `.version-mismatch` */
  delete(call: Call, { collection: reference, id, ifVersion }: DeleteDocumentRequest): Promise<Reply> {
    return this.work.write(call, async (tx) => {
      const { collection, locked } = await this.lock(tx, call, reference, id, ifVersion);
      tx.send(deleteDocument(collection.id, id), mustChange(id, collection.name));
      const { name } = collection;
      tx.audit({ targetType: 'document', targetId: id, before: { collection: name, version: locked.version } });
      tx.emit({ type: 'data.deleted', subject: id, data: { collection: name, id } });
      return noContent();
    });
  }

  /** The collection that a document goes to; a name that means none makes one. */
  private async collectionFor(tx: WriteTx, { agent }: Call, reference: string): Promise<WritableCollection> {
    const query = writableCollectionQuery(agent.id, reference);
    let { rows } = await tx.query<WritableCollection>(query);
    if (rows.length === 0 && !isUuid(reference)) {
      await tx.query(insertCollection(uuidV7(), agent.id, reference));
      ({ rows } = await tx.query<WritableCollection>(query));
    }
    const collection = theCollection(rows, reference);
    checkWritable(collection);
    return collection;
  }

  private async lock(
    tx: WriteTx,
    { agent }: Call,
    reference: string,
    id: string,
    ifVersion: number | undefined,
  ): Promise<{ collection: Collection; locked: LockedDocument }> {
    const { rows } = await tx.query<Collection>(writableCollectionQuery(agent.id, reference));
    const collection = theCollection(rows, reference);
    checkWritable(collection);
    const found = await tx.query<LockedDocument>(lockDocumentQuery(collection.id, id));
    const [locked] = found.rows;
    if (!locked) throw noDocument(id, collection.name);
    checkVersion(id, locked.version, ifVersion);
    return { collection, locked };
  }
}

/** A grant that was taken back meanwhile, or a collection that was deleted, hides the document that is locked. */
function mustChange(id: string, collection: string): (result: { readonly rowCount: number | null }) => void {
  return ({ rowCount }) => {
    if (rowCount !== 1) throw noDocument(id, collection);
  };
}

/** An insert that a policy refuses goes to a collection that was there a moment ago. */
function refusedByPolicy(reference: string): (error: unknown) => never {
  return (error) => {
    throw (error as { code?: string }).code === '42501' ? noCollection(reference) : error;
  };
}
