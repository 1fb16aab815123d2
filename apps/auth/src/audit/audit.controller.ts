import {
  DEFAULT_PAGE_SIZE,
  INTERNAL_CALLS,
  readAudit,
  type ReadAuditRequest,
  type RecordAuditRequest,
} from '@agent-platform/contracts';
import { HandlesAction, HandlesInternal, page, type Call, type Reply } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { AuthMetrics } from '../metrics/auth-metrics';
import { AuditService } from './audit.service';

@Controller()
export class AuditController {
  constructor(
    private readonly audit: AuditService,
    private readonly measured: AuthMetrics,
  ) {}

  @HandlesAction(readAudit)
  async read(request: ReadAuditRequest, call: Call): Promise<Reply> {
    const { limit = DEFAULT_PAGE_SIZE } = request;
    return page(await this.audit.read(call.rows, { ...request, limit: limit + 1 }), limit);
  }

  @HandlesInternal(INTERNAL_CALLS.recordAudit.subject)
  async record({ entries }: RecordAuditRequest): Promise<object> {
    await this.audit.record(entries);
    this.measured.audited(entries.length);
    return {};
  }
}
