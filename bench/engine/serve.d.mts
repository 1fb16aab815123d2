export interface MeasuredSystem {
  throughput(count: number): Promise<void>;
  one(): Promise<void>;
  fanOut(): Promise<void>;
  end(): Promise<void>;
}
export function serve(system: MeasuredSystem): void;
export function each(count: number, concurrency: number, work: (n: number) => Promise<unknown>): Promise<void>;
