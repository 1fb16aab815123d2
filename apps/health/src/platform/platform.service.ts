import {
  SERVICE_NAMES,
  STATUS_SUBJECT,
  type PlatformPart,
  type PlatformStatus,
  type ReplicaStatus,
  type ServiceStatus,
} from '@agent-platform/contracts';
import { Bus } from '@agent-platform/messaging';
import { Injectable } from '@nestjs/common';

/** A little longer than a replica gives each of its parts. */
const WAIT_MS = 1000;
const PARTS: readonly PlatformPart[] = ['gateway', ...SERVICE_NAMES];

/** Asks every replica of every service and of the gateway how it is doing. */
@Injectable()
export class PlatformService {
  private asking: Promise<PlatformStatus> | undefined;

  constructor(private readonly bus: Bus) {}

  /** All who ask at once share one round. @throws AppError `service.unavailable` */
  status(): Promise<PlatformStatus> {
    return (this.asking ??= this.ask().finally(() => (this.asking = undefined)));
  }

  private async ask(): Promise<PlatformStatus> {
    const checkedAt = new Date().toISOString();
    const replicas = await this.bus.collect<ReplicaStatus>(STATUS_SUBJECT, {}, { waitMs: WAIT_MS });
    const services = PARTS.map((part) => statusOf(part, replicas));
    return { status: services.every(({ status }) => status === 'ok') ? 'ok' : 'degraded', checkedAt, services };
  }
}

function statusOf(service: PlatformPart, all: readonly ReplicaStatus[]): ServiceStatus {
  const replicas = all
    .filter((replica) => replica.service === service)
    .sort((a, b) => a.startedAt.localeCompare(b.startedAt));
  const isReady = replicas.every(({ ready }) => ready);
  return { service, status: replicas.length === 0 ? 'unreachable' : isReady ? 'ok' : 'degraded', replicas };
}
