import {
  createDocument,
  DEFINITIONS,
  deleteDocument,
  getDocument,
  listDocuments,
  updateDocument,
  type CreateDocumentRequest,
  type DeleteDocumentRequest,
  type GetDocumentRequest,
  type ListDocumentsRequest,
  type UpdateDocumentRequest,
} from '@agent-platform/contracts';
import { HandlesAction, type Call, type Reply } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { DefinitionsService } from '../collections/definitions.service';
import type { DocumentStore } from './document-store';
import { DocumentsService } from './documents.service';

@Controller()
export class DocumentsController {
  constructor(
    private readonly documents: DocumentsService,
    private readonly definitions: DefinitionsService,
  ) {}

  @HandlesAction(getDocument)
  get(request: GetDocumentRequest, call: Call): Promise<Reply> {
    return this.storeOf(request).get(call, request);
  }

  @HandlesAction(listDocuments)
  list(request: ListDocumentsRequest, call: Call): Promise<Reply> {
    return this.storeOf(request).list(call, request);
  }

  @HandlesAction(createDocument)
  create(request: CreateDocumentRequest, call: Call): Promise<Reply> {
    return this.storeOf(request).create(call, request);
  }

  @HandlesAction(updateDocument)
  update(request: UpdateDocumentRequest, call: Call): Promise<Reply> {
    return this.storeOf(request).update(call, request);
  }

  @HandlesAction(deleteDocument)
  delete(request: DeleteDocumentRequest, call: Call): Promise<Reply> {
    return this.storeOf(request).delete(call, request);
  }

  private storeOf({ collection }: { readonly collection: string }): DocumentStore {
    return collection === DEFINITIONS ? this.definitions : this.documents;
  }
}
