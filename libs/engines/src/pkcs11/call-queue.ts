import { AppError } from '#kernel';
import type { Lane, QueuedCall } from './device-call.js';

/** Calls that may wait: of one tenant in one lane, and of all together. */
export const WAITING = Object.freeze({ tenant: 512, all: 4096 });

/** Signs first: they take a thousandth of the time. */
const LANES: readonly Lane[] = ['sign', 'slow'];

/** How many calls the token is given at once, in each lane and in both. */
export interface Room {
  readonly sign: number;
  readonly slow: number;
  readonly all: number;
}

/**
 * How many calls so many sessions bear. Each sign has another one queued behind it in the child, so that no session
 * waits for a message; `changes` of the sessions are for slow work, which the rest never waits for. With one session
 * there is one call at a time.
 */
export function roomOf(sessions: number, changes = 1): Room {
  if (sessions === 1) return { sign: 1, slow: 1, all: 1 };
  const slow = Math.min(changes, sessions - 1);
  return { sign: 2 * (sessions - slow), slow, all: Infinity };
}

/** Calls that wait for their turn: signs before slow work, tenants in turns, each bounded in number and time. */
export class CallQueue {
  /** By lane, then by tenant in the order of their turns; no tenant's list is empty. */
  readonly #waiting = { sign: new Map<string, QueuedCall[]>(), slow: new Map<string, QueuedCall[]>() };
  readonly #running = { sign: 0, slow: 0 };
  #room: Room = roomOf(1);
  #count = 0;

  get size(): number {
    return this.#count;
  }

  set room(room: Room) {
    this.#room = room;
  }

  /** Throws `rate_limited` when too many calls of the tenant wait, `unavailable` when too many do altogether. */
  add(call: QueuedCall): void {
    const lane = this.#waiting[call.lane];
    const queue = lane.get(call.tenantId);
    const full = queue && queue.length >= WAITING.tenant ? 'rate_limited' : 'unavailable';
    if (full === 'rate_limited' || this.#count >= WAITING.all) {
      throw new AppError(full, { detail: 'Too much is waiting for this token.', retryAfterS: 2 });
    }
    if (queue) queue.push(call);
    else lane.set(call.tenantId, [call]);
    this.#count += 1;
  }

  /** The call whose turn it is, while there is room. It counts as running until `done`. */
  next(): QueuedCall | undefined {
    if (this.#running.sign + this.#running.slow >= this.#room.all) return undefined;
    for (const lane of LANES) {
      const call = this.#running[lane] < this.#room[lane] ? this.#take(lane) : undefined;
      if (call) return call;
    }
    return undefined;
  }

  done({ lane }: QueuedCall): void {
    this.#running[lane] -= 1;
  }

  /** Takes out the calls whose time is over. */
  expired(now: number): QueuedCall[] {
    return this.#drop((call) => call.deadline <= now);
  }

  /** Takes out all of them. */
  drain(): QueuedCall[] {
    return this.#drop(() => true);
  }

  #take(lane: Lane): QueuedCall | undefined {
    const [first] = this.#waiting[lane];
    if (!first) return undefined;
    const [tenantId, queue] = first;
    const call = queue.shift();
    // Behind the other tenants.
    this.#waiting[lane].delete(tenantId);
    if (queue.length > 0) this.#waiting[lane].set(tenantId, queue);
    this.#running[lane] += 1;
    this.#count -= 1;
    return call;
  }

  #drop(which: (call: QueuedCall) => boolean): QueuedCall[] {
    const dropped: QueuedCall[] = [];
    for (const lane of LANES) {
      for (const [tenantId, queue] of this.#waiting[lane]) {
        const kept = queue.filter((call) => !which(call));
        dropped.push(...queue.filter(which));
        if (kept.length > 0) this.#waiting[lane].set(tenantId, kept);
        else this.#waiting[lane].delete(tenantId);
      }
    }
    this.#count -= dropped.length;
    return dropped;
  }
}
