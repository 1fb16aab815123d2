import type { Command, TakeCommandsRequest } from '@agent-platform/contracts';
import { readAs, type RowContext } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import { idOfCursor } from '@agent-platform/messaging';
import { AGENT_POOL } from '@agent-platform/service-host';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { COMMAND_COLUMNS } from './command-columns';
import { CommandWakeUps } from './command-wake-ups';

/** What one answer holds of payloads and proofs, beside a first command: it must fit a message of the bus. */
const MAX_BYTES = 700 * 1024;

/** What an agent takes of its commands, and what it sees of them. */
@Injectable()
export class CommandInbox {
  constructor(
    @Inject(AGENT_POOL) private readonly pool: Pool,
    private readonly wakeUps: CommandWakeUps,
  ) {}

  /** Commands that nobody has, the oldest first; they are the caller's for a time. Waits for one where there is none. */
  take({ agentId, limit, leaseSeconds, waitMs }: TakeCommandsRequest): Promise<Command[]> {
    const look = async () => {
      const { rows } = await this.pool.query<Command>({
        name: 'take-commands',
        text: `SELECT ${COMMAND_COLUMNS} FROM workflow.take_commands($1, $2, $3, make_interval(secs => $4)) c ORDER BY c.created_at, c.id`,
        values: [agentId, limit, MAX_BYTES, leaseSeconds],
      });
      return rows;
    };
    return this.wakeUps.lookFor(agentId, waitMs, look, (found) => found.length > 0);
  }

  /** Those that an agent has sent, or that were sent to it, newest first. */
  list(
    { agentId }: RowContext,
    show: 'sent' | 'received',
    cursor: string | undefined,
    limit: number,
  ): Promise<Command[]> {
    const column = show === 'sent' ? 'agent_id' : 'to_agent_id';
    return readAs<Command>(
      this.pool,
      { agentId, seesAll: false },
      {
        name: `list-commands-${show}`,
        text: `SELECT ${COMMAND_COLUMNS} FROM workflow.agent_commands c
             WHERE c.${column} = $1 AND ($2::uuid IS NULL OR c.id < $2) ORDER BY c.id DESC LIMIT $3`,
        values: [agentId, idOfCursor(cursor), limit],
      },
    );
  }

  /**
   * One command of an agent's, sent by it or to it, once it has ended or after `waitSeconds`.
   *
   * @throws AppError `command.not-found`
   */
  waitForEnd({ agentId }: RowContext, id: string, waitSeconds: number): Promise<Command> {
    const look = async () => {
      const [command] = await readAs<Command>(
        this.pool,
        { agentId, seesAll: false },
        {
          name: 'get-command',
          text: `SELECT ${COMMAND_COLUMNS} FROM workflow.agent_commands c WHERE c.id = $1`,
          values: [id],
        },
      );
      if (!command) throw new AppError('command.not-found', `There is no command ${id} of yours.`);
      return command;
    };
    return this.wakeUps.lookFor(id, waitSeconds * 1000, look, ({ endedAt }) => endedAt !== null);
  }
}
