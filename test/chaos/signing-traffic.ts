import { createPublicKey, randomBytes, verify, type KeyObject } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { HttpClient } from '../program/http-client.js';

const KEYS = '/api/kms/v1/keys';
/** Between two requests of one key: what is killed has other work as well. */
const PAUSE_MS = 15;
/** A process that is killed answers nothing; one whose database or token is away says so. */
const EXPECTED = new Set([200, 503]);

interface SigningKey {
  readonly id: string;
  readonly publicKey: KeyObject;
}

/** Signs by some keys without a break, and looks at every answer that comes. */
export class SigningTraffic {
  /** Signatures that were answered and are good. */
  good = 0;
  /** Signatures that were answered and are not. */
  readonly wrong: string[] = [];
  /** Answers of another kind than a process may give whose parts come and go. */
  readonly unexpected: string[] = [];
  #over = false;
  readonly #loops: Promise<void>[] = [];

  constructor(private readonly client: HttpClient) {}

  /** `key` is as the API shows it. */
  begin(key: { key_id: string; public_key: string }): void {
    const publicKey = createPublicKey(Buffer.from(key.public_key, 'base64').toString());
    this.#loops.push(this.#sign({ id: key.key_id, publicKey }));
  }

  async end(): Promise<void> {
    this.#over = true;
    await Promise.all(this.#loops);
  }

  async #sign({ id, publicKey }: SigningKey): Promise<void> {
    while (!this.#over) {
      const message = randomBytes(24);
      const body = { algorithm: 'ECDSA_SHA_256', message: message.toString('base64') };
      const answer = await this.client.call('POST', `${KEYS}/${id}/sign`, body).catch(() => undefined);
      if (answer?.status === 200) {
        const signature = Buffer.from(answer.body.signature, 'base64');
        if (verify('sha256', message, publicKey, signature)) this.good += 1;
        else this.wrong.push(`${id}: ${answer.body.signature}`);
      } else if (answer && !EXPECTED.has(answer.status)) {
        this.unexpected.push(`${answer.status} ${JSON.stringify(answer.body)}`);
      }
      await delay(PAUSE_MS);
    }
  }
}
