import {
  DEFAULT_LEASE_SECONDS,
  INTERNAL_CALLS,
  type StreamCommandsRequest,
  type TakeCommandsReply,
  type TakeCommandsRequest,
} from '@agent-platform/contracts';
import type { Bus } from '@agent-platform/messaging';
import type { Feed, Poll, Portion } from './feed';

/** Commands of one poll, at the most: a worker has all of them for the time of one lease. */
const LIMIT = 10;

/** The commands of an agent, taken as they come. What a client that has gone did not answer is handed over again, by its lease. */
export class CommandFeed implements Feed {
  constructor(
    private readonly bus: Bus,
    private readonly wanted: StreamCommandsRequest,
  ) {}

  async next({ reader, waitMs, timeoutMs, signal }: Poll): Promise<Portion> {
    const { leaseSeconds = DEFAULT_LEASE_SECONDS } = this.wanted;
    const request: TakeCommandsRequest = { agentId: reader.id, limit: LIMIT, leaseSeconds, waitMs };
    const { subject } = INTERNAL_CALLS.takeCommands;
    const { commands } = await this.bus.call<TakeCommandsReply>(subject, request, timeoutMs, signal);
    const messages = commands.map((command) => ({ event: 'command', data: JSON.stringify(command) }));
    // There is no place to go on from: what is open is what was not answered.
    return { messages, position: '', ended: false };
  }
}
