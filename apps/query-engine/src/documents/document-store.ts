import type {
  CreateDocumentRequest,
  DeleteDocumentRequest,
  GetDocumentRequest,
  ListDocumentsRequest,
  UpdateDocumentRequest,
} from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import type { Call, Reply } from '@agent-platform/messaging';

/** What answers the actions on documents: of collections, or of the one that holds their definitions. */
export interface DocumentStore {
  get(call: Call, request: GetDocumentRequest): Promise<Reply>;
  list(call: Call, request: ListDocumentsRequest): Promise<Reply>;
  create(call: Call, request: CreateDocumentRequest): Promise<Reply>;
  update(call: Call, request: UpdateDocumentRequest): Promise<Reply>;
  delete(call: Call, request: DeleteDocumentRequest): Promise<Reply>;
}

export function noDocument(id: string, collection: string): AppError {
  return new AppError('data.document.not-found', `There is no document ${id} in the collection ${collection}.`);
}

/** @throws AppError `data.document.version-mismatch` */
export function checkVersion(id: string, version: number, ifVersion: number | undefined): void {
  if (ifVersion === undefined || ifVersion === version) return;
  throw new AppError(
    'data.document.version-mismatch',
    `The document ${id} has version ${version}, not ${ifVersion}. Read it again, and change what it is now.`,
  );
}
