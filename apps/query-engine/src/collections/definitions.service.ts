import {
  DEFAULT_PAGE_SIZE,
  DEFINITIONS,
  INTERNAL_CALLS,
  type CreateDocumentRequest,
  type DeleteDocumentRequest,
  type Document,
  type GetAgentReply,
  type GetDocumentRequest,
  type JsonObject,
  type ListDocumentsRequest,
  type UpdateDocumentRequest,
} from '@agent-platform/contracts';
import { readAs } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import { Bus, idOfCursor, noContent, UnitOfWork, type Call, type Reply, type WriteTx } from '@agent-platform/messaging';
import { AGENT_POOL } from '@agent-platform/service-host';
import { uuidV7 } from '@agent-platform/shared-security';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool, QueryConfig } from 'pg';
import { QueryConfig as Config } from '../config';
import { pageReply, withEtag } from '../documents/document-reply';
import { checkVersion, noDocument, type DocumentStore } from '../documents/document-store';
import { mergePatch } from '../documents/merge-patch';
import { CollectionSweeper } from './collection-sweeper';
import { invalidDefinition, readDefinition, type CollectionDefinition } from './definition';
import {
  getDefinitionQuery,
  insertDefinition,
  listDefinitionsQuery,
  lockDefinitionQuery,
  replaceGrants,
  updateDefinition,
  type ShownDefinition,
} from './definitions.sql';

/** The definitions of collections, as the documents of the collection `collections`. */
@Injectable()
export class DefinitionsService implements DocumentStore {
  constructor(
    @Inject(AGENT_POOL) private readonly pool: Pool,
    private readonly work: UnitOfWork,
    private readonly bus: Bus,
    private readonly config: Config,
    private readonly sweeper: CollectionSweeper,
  ) {}

  /** @throws AppError `data.document.not-found` */
  async get({ rows, agent }: Call, { id }: GetDocumentRequest): Promise<Reply> {
    const [found] = await readAs<ShownDefinition>(this.pool, rows, getDefinitionQuery(agent.id, id));
    if (!found) throw noDocument(id, DEFINITIONS);
    return replyOf(200, found);
  }

  async list({ rows, agent }: Call, { cursor, limit = DEFAULT_PAGE_SIZE }: ListDocumentsRequest): Promise<Reply> {
    const query = listDefinitionsQuery(agent.id, idOfCursor(cursor), limit + 1);
    const found = await readAs<ShownDefinition>(this.pool, rows, query);
    const shown = found.slice(0, limit);
    const last = shown.at(-1);
    return pageReply(
      shown.map((definition) => definition.shown),
      last && found.length > limit ? Buffer.from(last.id).toString('base64url') : null,
    );
  }

  /** @throws AppError `data.collection.invalid`, `data.collection.name.taken` */
  async create(call: Call, { document }: CreateDocumentRequest): Promise<Reply> {
    const definition = readDefinition(document, this.config.maxDocumentsPerCollection);
    await this.checkAgents(definition, call.agent.id);
    const id = uuidV7();
    const reply = await this.work.write(call, async (tx) => {
      await nameTaken(tx, insertDefinition(id, call.agent.id, definition), definition.name);
      const after = await this.grant(tx, call, id, call.agent.id, definition);
      tx.audit({ targetType: 'collection', targetId: id, after: auditOf(definition) });
      tx.emit({ type: 'data.created', subject: id, data: { collection: DEFINITIONS, id, version: after.version } });
      return replyOf(201, after);
    });
    return withEtag(reply);
  }

  /** The owner's alone. @throws AppError `data.document.not-found`, `.version-mismatch`, and as `create` */
  async update(call: Call, { id, document: patch, ifVersion }: UpdateDocumentRequest): Promise<Reply> {
    // Asked before a transaction holds a row: another service answers.
    await this.checkAgents({ grants: grantsOf(patch) }, undefined);
    const reply = await this.work.write(call, async (tx) => {
      const { agentId } = await this.lock(tx, id, ifVersion);
      const before = definitionOf(await this.shown(tx, call, id));
      const definition = readDefinition(mergePatch(before, patch), this.config.maxDocumentsPerCollection);
      refuseOwner(definition, agentId);
      await nameTaken(tx, updateDefinition(id, definition), definition.name);
      const after = await this.grant(tx, call, id, agentId, definition);
      tx.audit({ targetType: 'collection', targetId: id, before: auditOf(before), after: auditOf(definition) });
      tx.emit({ type: 'data.updated', subject: id, data: { collection: DEFINITIONS, id, version: after.version } });
      return replyOf(200, after);
    });
    return withEtag(reply);
  }

  /** Hides the collection at once; its documents are removed in the background. @throws AppError as `update` */
  async delete(call: Call, { id, ifVersion }: DeleteDocumentRequest): Promise<Reply> {
    const reply = await this.work.write(call, async (tx) => {
      await this.lock(tx, id, ifVersion);
      const before = definitionOf(await this.shown(tx, call, id));
      await tx.query({ text: 'SELECT data.remove_collection($1)', values: [id] });
      tx.audit({ targetType: 'collection', targetId: id, before: auditOf(before) });
      tx.emit({ type: 'data.deleted', subject: id, data: { collection: DEFINITIONS, id } });
      return noContent();
    });
    this.sweeper.wake();
    return reply;
  }

  private async lock(tx: WriteTx, id: string, ifVersion: number | undefined): Promise<{ readonly agentId: string }> {
    const { rows } = await tx.query<{ agentId: string; version: number }>(lockDefinitionQuery(id));
    const [locked] = rows;
    // What was granted can be seen, and is locked by its owner alone.
    if (!locked) throw new AppError('data.document.not-found', `There is no collection ${id} of yours.`);
    checkVersion(id, locked.version, ifVersion);
    return locked;
  }

  private async grant(
    tx: WriteTx,
    call: Call,
    id: string,
    ownerId: string,
    definition: CollectionDefinition,
  ): Promise<ShownDefinition> {
    tx.send(replaceGrants(id, ownerId, definition));
    return this.shown(tx, call, id);
  }

  private async shown(tx: WriteTx, { agent }: Call, id: string): Promise<ShownDefinition> {
    const { rows } = await tx.query<ShownDefinition>(getDefinitionQuery(agent.id, id));
    if (!rows[0]) throw noDocument(id, DEFINITIONS);
    return rows[0];
  }

  /** @throws AppError `data.collection.invalid` for a grant to nobody, and to the owner */
  private async checkAgents(
    { grants }: Pick<CollectionDefinition, 'grants'>,
    ownerId: string | undefined,
  ): Promise<void> {
    refuseOwner({ grants }, ownerId);
    const asked = grants.map(async ({ agentId }, index) => {
      const { agent } = await this.bus.call<GetAgentReply>(INTERNAL_CALLS.getAgent.subject, { agentId });
      return agent ? [] : [{ path: `document.grants[${index}].agentId`, message: 'is no agent' }];
    });
    const errors = (await Promise.all(asked)).flat();
    if (errors.length > 0) throw invalidDefinition(errors);
  }
}

function refuseOwner({ grants }: Pick<CollectionDefinition, 'grants'>, ownerId: string | undefined): void {
  const index = grants.findIndex(({ agentId }) => agentId === ownerId);
  if (index < 0) return;
  throw invalidDefinition([{ path: `document.grants[${index}].agentId`, message: 'is the owner, who needs no grant' }]);
}

/** Those of a patch, as far as they can be read; whether they are right is told with the whole definition. */
function grantsOf({ grants }: JsonObject): CollectionDefinition['grants'] {
  if (grants === undefined || grants === null) return [];
  return readDefinition({ name: 'any', grants }, 1).grants;
}

function definitionOf({ shown }: ShownDefinition): JsonObject {
  return (JSON.parse(shown) as Document).document;
}

function replyOf(status: 200 | 201, { shown, version }: ShownDefinition): Reply {
  return { status, body: `{"data":${shown}}`, etag: String(version) };
}

/** Tells a name that is taken from any other failure. @throws AppError `data.collection.name.taken` */
async function nameTaken(tx: WriteTx, statement: QueryConfig, name: string): Promise<void> {
  try {
    await tx.query(statement);
  } catch (error) {
    if ((error as { constraint?: string }).constraint !== 'collections_agent_id_name_key') throw error;
    throw new AppError(
      'data.collection.name.taken',
      `You have a collection named ${name} already. Choose another name.`,
    );
  }
}

/** What the audit log keeps of a definition. */
function auditOf({
  name,
  schema,
  grants,
  maxDocuments,
  maxDocumentBytes,
}: JsonObject | CollectionDefinition): JsonObject {
  const shared = ((grants ?? []) as CollectionDefinition['grants']).map(({ agentId, access }) => ({ agentId, access }));
  return {
    name: name,
    hasSchema: schema !== null && schema !== undefined,
    grants: shared,
    maxDocuments: maxDocuments ?? null,
    maxDocumentBytes: maxDocumentBytes ?? null,
  };
}
