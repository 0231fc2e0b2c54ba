import { fork, type ChildProcess } from 'node:child_process';
import { hash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { SIGNATURE_TABLE, KEY_SPECS, verifySignature } from '#crypto';
import { PIN, SOFTHSM_MODULE, type SoftTokens } from '../soft-token.js';

const PROGRAM = fileURLToPath(new URL('../servers/bare-token.js', import.meta.url));

export const P256 = KEY_SPECS.find(({ algorithm, size }) => algorithm === 'ECDSA' && size === 256)!;
export const ECDSA_SHA_256 = SIGNATURE_TABLE.find(({ name }) => name === 'ECDSA_SHA_256')!;

/** SubjectPublicKeyInfo of P-256 up to the point (RFC 5480). */
const SPKI_HEAD = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex');
const POINT_BYTES = 65;

/** A token behind a child process with nothing around it: the same messages, and the same verification. */
export class BareToken {
  readonly #calls = new Map<number, (text: string) => void>();
  #lastCall = 0;
  #spki = Buffer.alloc(0);

  private constructor(private readonly child: ChildProcess) {
    child.on('message', ([id, text]: [number, string]) => {
      this.#calls.get(id)?.(text);
      this.#calls.delete(id);
    });
  }

  static async open(tokens: SoftTokens, label: string): Promise<BareToken> {
    const env = { ...process.env, ...tokens.environment, UV_THREADPOOL_SIZE: '12' };
    const bare = new BareToken(fork(PROGRAM, [SOFTHSM_MODULE, label], { env }));
    const point = Buffer.from(await bare.#ask('open', PIN), 'base64').subarray(-POINT_BYTES);
    bare.#spki = Buffer.concat([SPKI_HEAD, point]);
    return bare;
  }

  /** Throws where the public key does not accept what came back. */
  async sign(data: Buffer): Promise<void> {
    const digest = hash('sha256', data, 'buffer').toString('base64');
    const signature = Buffer.from(await this.#ask('sign', digest), 'base64');
    const input = { spki: this.#spki, spec: P256, row: ECDSA_SHA_256, type: 'raw', data } as const;
    if (!(await verifySignature({ ...input, signature, format: 'raw' })))
      throw new Error('the bare token made a wrong signature');
  }

  close(): void {
    this.child.disconnect();
  }

  #ask(operation: 'open' | 'sign', text: string): Promise<string> {
    return new Promise((resolve) => {
      const id = (this.#lastCall += 1);
      this.#calls.set(id, resolve);
      this.child.send([id, operation, text]);
    });
  }
}
