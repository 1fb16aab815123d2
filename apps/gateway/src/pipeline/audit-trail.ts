import type { ActionDefinition, AuditEntry, JsonObject } from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import { traceIdOf } from '@agent-platform/messaging';
import { scrub, type Logger } from '@agent-platform/observability';
import { uuidV7 } from '@agent-platform/shared-security';
import type { Attempts } from './attempts';
import type { AuditWriter } from './audit-writer';
import type { Refusal } from './authenticate';
import type { GatewayMetrics } from './gateway-metrics';
import type { Known } from './identity-cache';

/** What the audit log keeps of a target. Longer ones would make messages that the bus does not carry. */
const MAX_TARGET_LENGTH = 256;

/** Where something that is asked for comes from. */
export interface Origin {
  readonly requestId: string;
  readonly traceparent: string;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly identity: Known | undefined;
}

/** What is asked for, as far as it is known. */
export interface Subject {
  readonly action: ActionDefinition | undefined;
  readonly pathParams: Readonly<Record<string, string>>;
}

interface TrailParts {
  readonly audit: AuditWriter;
  readonly attempts: Attempts;
  readonly measured: GatewayMetrics;
  readonly logger: Logger;
}

/** What is named as the target of a call with these params. */
export function targetOf({ id }: JsonObject): Record<string, string> {
  return typeof id === 'string' ? { id } : {};
}

/** What the gateway itself writes to the audit log: reads, refusals, and what failed. */
export class AuditTrail {
  constructor(private readonly parts: TrailParts) {}

  /** Notes how something that was allowed went, where no change has noted it: `reason` is the code of what failed. */
  note(origin: Origin, subject: Subject, reason: string | null): void {
    this.parts.audit.note(entry(origin, subject, reason === null ? 'allowed' : 'failed', reason));
  }

  /** Notes a refusal that nobody waits to be told of, and says in the log why. */
  noteRefusal(origin: Origin, subject: Subject, refused: Refusal): void {
    this.parts.audit.note(this.entryOfRefusal(origin, subject, refused));
  }

  /** What to answer to a refusal, once its entry is stored. */
  async refuse(origin: Origin, subject: Subject, refused: Refusal): Promise<AppError> {
    const { outward } = refused;
    const refusal = this.entryOfRefusal(origin, subject, refused);
    if (outward.status === 401) this.parts.attempts.failed(origin.ip);
    if (outward.status === 429) {
      // Not waited for: many of them share a commit, where others wait for theirs.
      this.parts.audit.note(refusal);
      return outward;
    }
    try {
      await this.parts.audit.store(refusal);
      return outward;
    } catch (cause) {
      return new AppError('service.unavailable', 'The request cannot be answered now. Try again shortly.', { cause });
    }
  }

  private entryOfRefusal(origin: Origin, subject: Subject, refused: Refusal): AuditEntry {
    const { requestId, ip } = origin;
    const { outward, cause, agentId, keyId } = refused;
    this.parts.measured.refused(outward.code, outward.status);
    this.parts.logger.info({ msg: 'request refused', requestId, cause, agentId, keyId, ip });
    const reason = cause === outward.code ? cause : `${outward.code} (${cause})`;
    return entry(origin, subject, 'refused', reason, agentId);
  }
}

function entry(
  origin: Origin,
  { action, pathParams }: Subject,
  decision: AuditEntry['decision'],
  reason: string | null,
  agentId = origin.identity?.agent.id ?? null,
): AuditEntry {
  const target = action && pathParams.id;
  return {
    id: uuidV7(),
    at: new Date().toISOString(),
    agentId,
    action: action?.name ?? 'none',
    targetType: target ? (action.name.split('.')[0] ?? null) : null,
    // What stands in a path by mistake may be a key.
    targetId: target ? scrub(target.slice(0, MAX_TARGET_LENGTH)) : null,
    decision,
    reason,
    before: null,
    after: null,
    ip: origin.ip,
    userAgent: origin.userAgent,
    requestId: origin.requestId,
    traceId: traceIdOf(origin.traceparent),
  };
}
