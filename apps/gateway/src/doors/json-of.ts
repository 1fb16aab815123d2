import type { JsonObject } from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';

/** Params as JSON. @throws AppError `request.malformed` where they are nested deeper than the stack is high */
export function jsonOf(params: JsonObject): Buffer {
  try {
    return Buffer.from(JSON.stringify(params));
  } catch (cause) {
    throw new AppError('request.malformed', 'The params are nested too deep.', { cause });
  }
}
