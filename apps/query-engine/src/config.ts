import { DatabaseServiceConfig } from '@agent-platform/service-host';
import { IsInt, Max, Min } from 'class-validator';

/** Every variable that query-engine reads. */
export class QueryConfig extends DatabaseServiceConfig {
  /** What a query may take in Postgres before it is cancelled. */
  @IsInt()
  @Min(50)
  @Max(30_000)
  readonly queryTimeoutMs: number = 5000;

  /** What a query may cost by the estimate of Postgres (`EXPLAIN`): reading a million small documents costs some 150 000. */
  @IsInt()
  @Min(1)
  @Max(1_000_000_000)
  readonly maxQueryCost: number = 1_000_000;

  /** Documents that a collection may hold unless its definition asks for fewer; counted without a lock, and so exceeded by a few at times. */
  @IsInt()
  @Min(1)
  @Max(1_000_000_000)
  readonly maxDocumentsPerCollection: number = 10_000_000;
}
