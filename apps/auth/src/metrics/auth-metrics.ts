import { Metrics } from '@agent-platform/observability';
import { Injectable } from '@nestjs/common';

/** What is measured of keys, signatures, permits and the audit log. */
@Injectable()
export class AuthMetrics {
  private readonly keys;
  private readonly signatures;
  private readonly permits;
  private readonly auditRows;

  constructor(metrics: Metrics) {
    this.keys = metrics.counter(
      'auth_key_verifications_total',
      'API keys that gateways asked about, by outcome; a key that a gateway remembers is not asked about.',
      { outcome: ['ok', 'unknown', 'expired', 'revoked', 'suspended', 'archived'] },
    );
    this.signatures = metrics.counter(
      'auth_signature_verifications_total',
      'Signatures of requests that were checked, by outcome.',
      { outcome: ['ok', 'expired', 'invalid', 'replayed'] },
    );
    this.permits = metrics.counter(
      'auth_permits_granted_total',
      'Requests that gateways were permitted to let through ahead, for all agents.',
    );
    this.auditRows = metrics.counter(
      'auth_audit_entries_total',
      'Entries that were handed over for the audit log, repetitions included.',
    );
  }

  keyVerified(refused: string | undefined): void {
    this.keys.inc(refused ?? 'ok');
  }

  signatureVerified(refused: string | null): void {
    this.signatures.inc(refused ?? 'ok');
  }

  permitsGranted(permits: number): void {
    this.permits.of().inc(permits);
  }

  audited(entries: number): void {
    this.auditRows.of().inc(entries);
  }
}
