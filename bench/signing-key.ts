import { createHash, randomBytes } from 'node:crypto';
import type { ApiClient } from './api-client.js';
import type { KeptAnswer, RawRequest } from './load/load-plan.js';
import { openSslAccepts } from './openssl.js';
import type { Kind } from './kinds.js';

export interface Key {
  readonly key_id: string;
  /** Base64 of PEM. */
  readonly public_key: string;
}

export type MessageType = 'raw' | 'digest';

const KEYS = '/api/kms/v1/keys';
const EMPTY = '/bench/empty';
const MESSAGES = 64;
const MESSAGE_BYTES = 64;

/** A key of the kind, and requests that sign with it. */
export class SigningKey {
  readonly #messages = Array.from({ length: MESSAGES }, () => randomBytes(MESSAGE_BYTES));

  private constructor(
    readonly kind: Kind,
    readonly key: Key,
  ) {}

  static async create(client: ApiClient, kind: Kind): Promise<SigningKey> {
    const { algorithm, size, title } = kind;
    const input = { algorithm, ...(size && { size }), name: `bench ${title}` };
    return new SigningKey(kind, await client.call<Key>('POST', KEYS, input));
  }

  /** Each signs another message. */
  signRequests(type: MessageType): RawRequest[] {
    return this.#messages.map((message) => ({
      method: 'POST',
      path: `${KEYS}/${this.key.key_id}/sign`,
      body: JSON.stringify(this.item(type, message)),
    }));
  }

  /** The same bodies to the route that does nothing. */
  emptyRequests(): RawRequest[] {
    return this.signRequests('raw').map((request) => ({ ...request, path: EMPTY }));
  }

  async verifyRequests(client: ApiClient): Promise<RawRequest[]> {
    return Promise.all(
      this.signRequests('raw').map(async ({ path, body }) => {
        const input = JSON.parse(body ?? '') as object;
        const { signature } = await client.call<{ signature: string }>('POST', path, input);
        return {
          method: 'POST' as const,
          path: `${KEYS}/${this.key.key_id}/verify`,
          body: JSON.stringify({ ...input, signature }),
        };
      }),
    );
  }

  item(
    type: MessageType,
    message: Buffer,
  ): { algorithm: string; message: string; message_type: MessageType } {
    return {
      algorithm: this.kind.signature,
      message: this.#signed(type, message).toString('base64'),
      message_type: type,
    };
  }

  /** How many of the kept answers of `signRequests(type)` hold a signature that `openssl` accepts. */
  countAccepted(type: MessageType, kept: readonly KeptAnswer[]): number {
    return kept.filter(({ request, body }) =>
      openSslAccepts({
        publicKey: Buffer.from(this.key.public_key, 'base64').toString(),
        data: this.#signed(type, this.#messages[request]!),
        signature: Buffer.from((JSON.parse(body) as { signature: string }).signature, 'base64'),
        options: this.#options(type),
      }),
    ).length;
  }

  #signed(type: MessageType, message: Buffer): Buffer {
    const { hash } = this.kind;
    return type === 'digest' && hash ? createHash(hash).update(message).digest() : message;
  }

  #options(type: MessageType): string[] {
    const { hash } = this.kind;
    if (!hash) return ['-rawin'];
    return type === 'raw' ? ['-rawin', '-digest', hash] : ['-pkeyopt', `digest:${hash}`];
  }
}
