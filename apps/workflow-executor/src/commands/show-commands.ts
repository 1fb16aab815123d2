import { DEFAULT_LEASE_SECONDS, DEFAULT_PAGE_SIZE, type ListMyCommandsRequest } from '@agent-platform/contracts';
import type { RowContext } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import { page, type Reply } from '@agent-platform/messaging';
import type { CommandInbox } from './command-inbox';

/** `me.commands`: takes commands, shows those of one direction, or shows one. @throws AppError `request.invalid`, `command.not-found` */
export async function showCommands(
  inbox: CommandInbox,
  rows: RowContext,
  request: ListMyCommandsRequest,
): Promise<Reply> {
  const { id, show, wait = 0, leaseSeconds, cursor, limit = DEFAULT_PAGE_SIZE } = request;
  const errors = foreignFields(request).map((path) => ({
    path,
    message:
      id !== undefined ? 'has no meaning with id' : show !== undefined ? 'has no meaning with show' : 'needs show',
  }));
  if (errors.length > 0) throw new AppError('request.invalid', 'These params do not go together.', { errors });
  if (id !== undefined) return page([await inbox.waitForEnd(rows, id, wait)], 1);
  if (show !== undefined) return page(await inbox.list(rows, show, cursor, limit + 1), limit);
  const taken = await inbox.take({
    agentId: rows.agentId,
    limit,
    leaseSeconds: leaseSeconds ?? DEFAULT_LEASE_SECONDS,
    waitMs: wait * 1000,
  });
  // What is taken has no next page: it is asked for again.
  return page(taken, taken.length);
}

function foreignFields(request: ListMyCommandsRequest): (keyof ListMyCommandsRequest)[] {
  const { id, show } = request;
  const foreign: (keyof ListMyCommandsRequest)[] =
    id !== undefined
      ? ['show', 'leaseSeconds', 'cursor', 'limit']
      : show !== undefined
        ? ['leaseSeconds', 'wait']
        : ['cursor'];
  return foreign.filter((name) => request[name] !== undefined);
}
