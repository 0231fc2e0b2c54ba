import type { EngineReconciliationService } from './engine-reconciliation.service.js';

const EVERY_MS = 60_000;

/** Looks once in a while which engines are due, for as long as the process runs jobs. */
export class ReconciliationSchedule {
  readonly #ending = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();

  constructor(private readonly service: Pick<EngineReconciliationService, 'runDue'>) {}

  start(): void {
    this.#timer = setInterval(() => {
      this.#round = this.#round.then(() => this.service.runDue(this.#ending.signal));
    }, EVERY_MS).unref();
  }

  /** What is under way is given up, and done an hour later. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#ending.abort();
    await this.#round;
  }
}
