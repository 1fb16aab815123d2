import { createClient, type AgentPlatform } from '@agent-platform/client';
import { CliError, EXIT } from './exit-codes';
import { readAll, write, type Io } from './io';
import { connectionOf, type Connection, type ConnectionOptions } from './profiles/connection';
import { VERSION } from './version';

/** The options that every command has. */
export interface CommonOptions extends ConnectionOptions {
  readonly json?: boolean;
}

/** One call of the tool. */
export class Session {
  exitCode: number = EXIT.ok;
  /** Set once the options are known; decides how errors are told, too. */
  json = false;
  readonly signal: AbortSignal;
  private stdinRead = false;

  constructor(readonly io: Io) {
    this.signal = io.signal ?? new AbortController().signal;
  }

  connection(options: ConnectionOptions): Promise<Connection> {
    return connectionOf(options, this);
  }

  async client(options: ConnectionOptions): Promise<AgentPlatform> {
    return this.clientOf(await this.connection(options));
  }

  clientOf({ url, key, signingSecret }: Connection): AgentPlatform {
    return createClient({ url, key, signingSecret, userAgent: `agentctl/${VERSION}` });
  }

  /** @throws CliError the second time: there is but one standard input */
  async readStdin(): Promise<string> {
    if (this.stdinRead) throw new CliError('Standard input can be read only once; put the other value into a file.');
    this.stdinRead = true;
    if (this.io.stdin.isTTY) await this.note('Reading standard input; end it with Ctrl-D.');
    return readAll(this.io.stdin, this.signal);
  }

  /** Data. */
  print(text: string): Promise<void> {
    return write(this.io.stdout, `${text}\n`);
  }

  /** Anything that is no data. */
  note(text: string): Promise<void> {
    return write(this.io.stderr, `${text}\n`);
  }

  /** Whether people look at the standard output. */
  get isTerminal(): boolean {
    return this.io.stdout.isTTY === true;
  }

  get hasColor(): boolean {
    return this.isTerminal && !this.io.env.NO_COLOR && this.io.env.TERM !== 'dumb';
  }
}
