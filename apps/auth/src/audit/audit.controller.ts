import { INTERNAL_CALLS, type RecordAuditRequest } from '@agent-platform/contracts';
import { HandlesInternal } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { AuditService } from './audit.service';

@Controller()
export class AuditController {
  constructor(private readonly audit: AuditService) {}

  @HandlesInternal(INTERNAL_CALLS.recordAudit.subject)
  async record({ entries }: RecordAuditRequest): Promise<object> {
    await this.audit.record(entries);
    return {};
  }
}
