import type { AgentPlatform, Answer } from '@agent-platform/client';
import type { Command } from 'commander';
import { executeExtra } from '../runs/execute-extra';
import type { CommonOptions, Session } from '../session';
import { definitionExtra } from '../workflows/definition-extra';
import type { Options } from './action-params';

/** What a command has beyond what follows from its action. */
export interface Extra {
  addTo(command: Command): void;
  /** Completes the params before they are sent. @throws CliError */
  prepare?(params: Record<string, unknown>, options: Options, session: Session): Promise<Record<string, unknown>>;
  after?(answer: Answer, client: AgentPlatform, options: Options & CommonOptions, session: Session): Promise<void>;
}

export const EXTRAS: Readonly<Record<string, Extra>> = {
  'workflow.create': definitionExtra,
  'workflow.update': definitionExtra,
  'workflow.execute': executeExtra,
};
