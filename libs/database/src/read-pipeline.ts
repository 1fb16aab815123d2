import { Client, type QueryConfig, type QueryResultRow } from 'pg';
import { clientConfig, type ConnectionOptions } from './pool';
import { databaseUnavailable, unavailableIfDisconnected } from './transaction';

/**
 * One connection that all callers share for the reads that are made most. Their statements follow each other without
 * waiting, so that many share one packet and one wake-up of the backend: `bench/gateway` went from 245 µs of CPU per
 * request to 201. Each statement is a transaction of its own, and one that fails leaves the others alone; a slow one holds
 * up those behind it, so only reads by primary key belong here.
 */
export class ReadPipeline {
  private client: Promise<Client> | undefined;
  /** Told of each read that has ended, with `performance.now()` of its start. */
  onRead: (startedAt: number, isOk: boolean) => void = () => undefined;

  constructor(private readonly options: ConnectionOptions) {}

  /** @throws AppError `service.unavailable` when Postgres cannot be reached; the next call connects anew */
  async query<Row extends QueryResultRow>(query: QueryConfig): Promise<Row[]> {
    const startedAt = performance.now();
    try {
      const client = await (this.client ??= this.connect());
      const { rows } = await client.query<Row>(query);
      this.onRead(startedAt, true);
      return rows;
    } catch (error) {
      this.onRead(startedAt, false);
      throw unavailableIfDisconnected(error);
    }
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    const client = await this.client?.catch(() => undefined);
    await client?.end();
  }

  private async connect(): Promise<Client> {
    const client = new Client(clientConfig(this.options));
    client.on('error', this.options.onError);
    client.once('error', () => (this.client = undefined));
    try {
      await client.connect();
      return client;
    } catch (cause) {
      this.client = undefined;
      throw databaseUnavailable(cause);
    }
  }
}
