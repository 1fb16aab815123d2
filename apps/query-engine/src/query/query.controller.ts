import { queryDocuments, type QueryDocumentsRequest } from '@agent-platform/contracts';
import { HandlesAction, type Call, type Reply } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { QueryService } from './query.service';

@Controller()
export class QueryController {
  constructor(private readonly queries: QueryService) {}

  @HandlesAction(queryDocuments)
  query(request: QueryDocumentsRequest, call: Call): Promise<Reply> {
    return this.queries.query(call, request);
  }
}
