import type { PlatformPart, ReplicaStatus } from '../internal/status';
import { defineAction } from '../define-action';
import type { Time } from '../json';

export class ReadStatusRequest {}

/** One service with its replicas; `unreachable` where none has answered. */
export interface ServiceStatus {
  readonly service: PlatformPart;
  readonly status: 'ok' | 'degraded' | 'unreachable';
  readonly replicas: readonly ReplicaStatus[];
}

/** How the platform is doing. */
export class PlatformStatus {
  /** `ok`: a ready replica of each service has answered, and none that is not ready. */
  readonly status!: 'ok' | 'degraded';
  readonly checkedAt!: Time;
  readonly services!: readonly ServiceStatus[];
}

/** The build, readiness and queues of every replica that answers within a second. */
export const readStatus = defineAction({
  name: 'system.status',
  capability: 'system_admin',
  effect: 'read',
  http: { method: 'GET', path: '/v1/status', success: 200 },
  request: ReadStatusRequest,
  reply: PlatformStatus,
  summary: 'How each service is doing: build, readiness, queues and what waits to be handed on.',
  example: {},
});
