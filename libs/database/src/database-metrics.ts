import { AsyncResource } from 'node:async_hooks';
import {
  currentContext,
  type Counter,
  type Durations,
  type Metrics,
  type Reading,
} from '@agent-platform/observability';
import type { Pool, PoolClient } from 'pg';
import type { ReadPipeline } from './read-pipeline';

/** The pools of a service. */
const POOLS = { pool: ['requests', 'service'] } as const;
type PoolName = (typeof POOLS.pool)[number];
export type TransactionOutcome = 'committed' | 'rolled_back';

/** Whom to tell how a transaction on a connection has ended. */
const watched = new WeakMap<object, (outcome: TransactionOutcome) => void>();

/** Notes how a transaction has ended, where its pool is watched. */
export function noteTransaction(client: PoolClient, outcome: TransactionOutcome): void {
  watched.get(client)?.(outcome);
}

/** What is measured of the connections to Postgres. */
export class DatabaseMetrics {
  private readonly pools: { readonly name: PoolName; readonly pool: Pool }[] = [];
  private readonly acquisitions: Durations;
  private readonly transactions: Counter;
  private readonly reads: Durations;

  constructor(metrics: Metrics) {
    metrics.gauge(
      'agent_platform_database_connections',
      'Connections to Postgres that are open, by pool and whether they are in use.',
      ['pool', 'state'],
      () =>
        this.pools.flatMap(({ name, pool }): Reading[] => [
          [pool.idleCount, name, 'idle'],
          [pool.totalCount - pool.idleCount, name, 'busy'],
        ]),
    );
    metrics.gauge(
      'agent_platform_database_connections_max',
      'Connections to Postgres that may be open, by pool.',
      ['pool'],
      () => this.pools.map(({ name, pool }): Reading => [pool.options.max, name]),
    );
    metrics.gauge(
      'agent_platform_database_waiting',
      'Who waits for a connection to Postgres now, by pool.',
      ['pool'],
      () => this.pools.map(({ name, pool }): Reading => [pool.waitingCount, name]),
    );
    this.acquisitions = metrics.durations(
      'agent_platform_database_acquire_duration_seconds',
      'How long it takes to get a connection to Postgres, by pool and whether one was got.',
      { ...POOLS, outcome: ['ok', 'failed'] },
    );
    this.transactions = metrics.counter(
      'agent_platform_database_transactions_total',
      'Transactions of several statements that have ended, by pool and outcome.',
      { ...POOLS, outcome: ['committed', 'rolled_back'] },
    );
    this.reads = metrics.durations(
      'agent_platform_database_pipelined_read_duration_seconds',
      'How long reads by primary key take on the connection that all share, by outcome.',
      { outcome: ['ok', 'failed'] },
    );
  }

  /** Measures a pool from now on. */
  watch(name: PoolName, pool: Pool): void {
    this.pools.push({ name, pool });
    pool.on('connect', (client) => watched.set(client, (outcome) => this.transactions.inc(name, outcome)));
    const [got, failed] = [this.acquisitions.of(name, 'ok'), this.acquisitions.of(name, 'failed')];
    const connect = pool.connect.bind(pool) as (callback: ConnectCallback) => void;
    const measured = (given: ConnectCallback) => {
      const startedAt = performance.now();
      // Who waits is called by whoever gives a connection back, in the context of that one.
      const callback = currentContext() ? AsyncResource.bind(given) : given;
      connect((error, client, done) => {
        (error ? failed : got).since(startedAt);
        callback(error, client, done);
      });
    };
    // `pool.query` takes its connections here too.
    pool.connect = ((callback?: ConnectCallback) =>
      callback
        ? measured(callback)
        : new Promise<PoolClient>((resolve, reject) =>
            measured((error, client) =>
              client ? resolve(client) : reject(error ?? new Error('no connection was made')),
            ),
          )) as Pool['connect'];
  }

  /** Measures the reads of a pipeline from now on. */
  watchReads(pipeline: ReadPipeline): void {
    const [ok, failed] = [this.reads.of('ok'), this.reads.of('failed')];
    pipeline.onRead = (startedAt, isOk) => (isOk ? ok : failed).since(startedAt);
  }
}

type ConnectCallback = (error: Error | undefined, client: PoolClient | undefined, done: () => void) => void;
