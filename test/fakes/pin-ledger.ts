import type { PinClaim, PinLedger, PinStanding } from '#engines';
import type { SecretBytes } from '#kernel';

/** A ledger of one process, which sends one PIN at a time by itself. */
export class MemoryPinLedger implements PinLedger {
  readonly #standing = new Map<string, PinStanding>();

  credentialOf(token: string, pin: SecretBytes): Buffer {
    return Buffer.concat([Buffer.from(token), pin.expose('keep it for a test')]);
  }

  async isRefused(credential: Buffer): Promise<boolean> {
    return this.#standing.get(credential.toString()) === 'refused';
  }

  async claim(credential: Buffer, _: string, anew: boolean): Promise<PinClaim> {
    const before = this.#standing.get(credential.toString());
    return before === 'refused' && !anew ? 'refused' : { before };
  }

  async settle(credential: Buffer, _: string, standing: PinStanding | undefined): Promise<void> {
    if (standing) this.#standing.set(credential.toString(), standing);
    else this.#standing.delete(credential.toString());
  }
}
