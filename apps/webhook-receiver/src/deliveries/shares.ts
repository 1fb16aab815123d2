import { EndpointShare } from './endpoint-share';

/** What one endpoint is asked for. */
export interface Room {
  readonly subscriptionId: string;
  readonly room: number;
}

/**
 * The places of one replica, and who may take them. Endpoints that have not proved themselves, or failed just now, get at most half of all
 * places together: however many of them never answer, the others go on.
 */
export class Shares {
  private readonly byId = new Map<string, EndpointShare>();
  private taken = 0;
  private takenByUnproven = 0;
  /** Whether a place was taken as that of an unproven endpoint: it is given back as such, whatever the endpoint is then. */
  private readonly places = new Map<string, boolean>();

  constructor(private readonly total: number) {}

  get inFlight(): number {
    return this.taken;
  }

  /** Of these endpoints, those with room, and how much; within what is free altogether. */
  rooms(subscriptionIds: Iterable<string>, nowMs: number): Room[] {
    let free = this.total - this.taken;
    let freeForUnproven = Math.floor(this.total / 2) - this.takenByUnproven;
    const rooms: Room[] = [];
    for (const subscriptionId of subscriptionIds) {
      if (free <= 0) break;
      const share = this.share(subscriptionId);
      const room = Math.min(share.room(nowMs), free, share.isProven ? free : freeForUnproven);
      if (room <= 0) continue;
      rooms.push({ subscriptionId, room });
      free -= room;
      if (!share.isProven) freeForUnproven -= room;
    }
    return rooms;
  }

  begin(subscriptionId: string, deliveryId: string): void {
    const share = this.share(subscriptionId);
    share.begin();
    this.taken++;
    if (!share.isProven) this.takenByUnproven++;
    this.places.set(deliveryId, !share.isProven);
  }

  end(subscriptionId: string, deliveryId: string, ok: boolean | undefined, nowMs: number): void {
    this.share(subscriptionId).end(ok, nowMs);
    this.taken--;
    if (this.places.get(deliveryId)) this.takenByUnproven--;
    this.places.delete(deliveryId);
  }

  /** Forgets endpoints that have had nothing to do for long. */
  forgetIdle(nowMs: number): void {
    for (const [id, share] of this.byId) if (share.isForgettable(nowMs)) this.byId.delete(id);
  }

  private share(subscriptionId: string): EndpointShare {
    let share = this.byId.get(subscriptionId);
    if (!share) this.byId.set(subscriptionId, (share = new EndpointShare()));
    return share;
  }
}
