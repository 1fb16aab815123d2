import { Injectable } from '@nestjs/common';

/** What deliveries take for now. Due times are compared by the database, with its own clock unless another one is given. */
@Injectable()
export class Clock {
  /** Null: the database's. */
  forDatabase(): Date | null {
    return null;
  }

  nowMs(): number {
    return Date.now();
  }
}
