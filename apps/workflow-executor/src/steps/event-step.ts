import { EVENT_TYPE, RESERVED_EVENT_PREFIXES, type JsonObject } from '@agent-platform/contracts';
import { StepFailure } from '../engine/step-failure';

/** The event that a step's resolved fields describe. @throws StepFailure for a type that agents may not emit */
export function readEvent({ type, data = {}, subject }: JsonObject): {
  type: string;
  data: JsonObject;
  subject?: string;
} {
  if (typeof type !== 'string' || !EVENT_TYPE.test(type)) {
    throw invalid('type must be lower-case words with dots between, such as lead.scored.');
  }
  const prefix = type.split('.')[0] ?? '';
  if ((RESERVED_EVENT_PREFIXES as readonly string[]).includes(prefix)) {
    throw invalid(`type must not begin with ${prefix}, which belongs to the platform.`);
  }
  if (typeof data !== 'object' || data === null || Array.isArray(data)) throw invalid('data must be an object.');
  if (subject !== undefined && subject !== null && typeof subject !== 'string') throw invalid('subject must be text.');
  return { type, data, ...(typeof subject === 'string' && { subject }) };
}

function invalid(detail: string): StepFailure {
  return new StepFailure('step.input.invalid', detail);
}
