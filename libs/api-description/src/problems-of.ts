import type { ErrorCode } from '@agent-platform/errors';
import type { ActionDescription } from './api';

/** What every request may be answered; also one that changes nothing must be signed well where it is signed. */
const ALWAYS: readonly ErrorCode[] = [
  'request.malformed',
  'auth.credentials.invalid',
  'auth.signature.expired',
  'auth.signature.invalid',
  'auth.signature.replayed',
  'request.body.too-slow',
  'request.body.too-large',
  'request.media-type.unsupported',
  'request.invalid',
  'auth.rate-limit.exceeded',
  'auth.attempts.too-many',
  'request.headers.too-large',
  'action.answer.too-large',
  'internal',
  'action.not-implemented',
  'service.unavailable',
  'service.timeout',
  'service.overloaded',
];
/** What a request that changes something may be answered besides. */
const CHANGING: readonly ErrorCode[] = [
  'request.idempotency-key.in-progress',
  'request.idempotency-key.reused',
  'auth.signature.missing',
];
/** Of a service that asks `auth` what the agent may do now, besides what the gateway knows. */
const ASKING: readonly ErrorCode[] = ['auth.agent.not-active'];

/** Every problem that an action may be answered with: its own, and those that all have. */
export function problemsOf(
  action: Pick<ActionDescription, 'effect' | 'capability' | 'problems'>,
): readonly ErrorCode[] {
  return [
    ...ALWAYS,
    ...(action.capability === null ? [] : (['auth.capability.missing'] as const)),
    ...(action.effect === 'read' ? [] : [...CHANGING, ...ASKING]),
    ...action.problems,
  ];
}
