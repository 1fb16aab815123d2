/** Says once that the service stops: what waits for something to happen answers now, and its caller asks another replica. */
export class ServiceStop {
  private readonly listeners: (() => void)[] = [];
  private begun = false;

  get hasBegun(): boolean {
    return this.begun;
  }

  onBegin(listener: () => void): void {
    this.listeners.push(listener);
  }

  begin(): void {
    this.begun = true;
    for (const listener of this.listeners) listener();
  }
}
