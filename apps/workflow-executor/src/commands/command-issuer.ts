import {
  DEFAULT_COMMAND_SECONDS,
  INTERNAL_CALLS,
  type IssueCommandReply,
  type IssueCommandRequest,
  type JsonObject,
} from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import { Bus } from '@agent-platform/messaging';
import { uuidV7 } from '@agent-platform/shared-security';
import { Injectable } from '@nestjs/common';

/** Of the payload, as JSON: it travels in the proof too, and both must fit a message of the bus. */
export const MAX_PAYLOAD_BYTES = 256 * 1024;

/** What is to be sent. */
export interface CommandDraft {
  readonly fromAgentId: string;
  /** An id, a name, or `skill:<capability>`. */
  readonly to: string;
  readonly command: string;
  readonly payload: JsonObject;
  readonly timeoutSeconds?: number;
}

/** A command that `auth` has addressed and signed; it is not stored yet. */
export interface IssuedCommand {
  readonly id: string;
  readonly toAgentId: string;
  readonly command: string;
  readonly payload: JsonObject;
  readonly proof: string;
  readonly expiresAt: string;
}

/** Addresses and signs commands before they are stored. */
@Injectable()
export class CommandIssuer {
  constructor(private readonly bus: Bus) {}

  /** @throws AppError `agent.not-found`, `command.agent.own`, `command.agent.not-active`, `request.invalid` for a payload that is too large */
  async issue({ fromAgentId, to, command, payload, timeoutSeconds }: CommandDraft): Promise<IssuedCommand> {
    if (Buffer.byteLength(JSON.stringify(payload)) > MAX_PAYLOAD_BYTES) {
      const errors = [{ path: 'payload', message: `may have ${MAX_PAYLOAD_BYTES} bytes` }];
      throw new AppError('request.invalid', `The payload has more than ${MAX_PAYLOAD_BYTES} bytes.`, { errors });
    }
    const id = uuidV7();
    const nowSeconds = Date.now() / 1000;
    const issuedAt = Math.floor(nowSeconds);
    const expiresAt = Math.ceil(nowSeconds) + (timeoutSeconds ?? DEFAULT_COMMAND_SECONDS);
    const request: IssueCommandRequest = { fromAgentId, to, commandId: id, command, payload, issuedAt, expiresAt };
    const reply = await this.bus.call<IssueCommandReply>(INTERNAL_CALLS.issueCommand.subject, request);
    if ('refused' in reply) throw new AppError(reply.refused.code, reply.refused.detail);
    return {
      id,
      toAgentId: reply.to.id,
      command,
      payload,
      proof: reply.proof,
      expiresAt: new Date(expiresAt * 1000).toISOString(),
    };
  }
}
