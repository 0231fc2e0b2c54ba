import { createHash, randomBytes } from 'node:crypto';
import type { ApiClient } from '../api-client.js';
import type { KeptAnswer, RawRequest } from '../load/load-plan.js';
import { openSslAccepts } from '../openssl.js';

/** A kind of key and the algorithm it signs by, here and in `openssl`. */
export interface Kind {
  readonly title: string;
  readonly algorithm: string;
  readonly size?: number;
  readonly signature: string;
  /** Hash of the signature; absent where it signs messages only. */
  readonly hash?: 'sha256' | 'sha384';
  /** Its name in `openssl speed`. */
  readonly speed: string;
  /** Something must hold of it, so that it is measured more often. */
  readonly isDemanded?: true;
}

const RSA = 'RSASSA_PKCS1_V1_5_SHA_256';

export const KINDS: readonly Kind[] = [
  {
    title: 'P-256',
    algorithm: 'ECDSA',
    size: 256,
    signature: 'ECDSA_SHA_256',
    hash: 'sha256',
    speed: 'ecdsap256',
    isDemanded: true,
  },
  {
    title: 'RSA-2048',
    algorithm: 'RSA',
    size: 2048,
    signature: RSA,
    hash: 'sha256',
    speed: 'rsa2048',
    isDemanded: true,
  },
  {
    title: 'RSA-4096',
    algorithm: 'RSA',
    size: 4096,
    signature: RSA,
    hash: 'sha256',
    speed: 'rsa4096',
    isDemanded: true,
  },
  {
    title: 'P-384',
    algorithm: 'ECDSA',
    size: 384,
    signature: 'ECDSA_SHA_384',
    hash: 'sha384',
    speed: 'ecdsap384',
  },
  { title: 'Ed25519', algorithm: 'Ed25519', signature: 'ED25519', speed: 'ed25519' },
];

export interface Key {
  readonly key_id: string;
  /** Base64 of PEM. */
  readonly public_key: string;
}

export type MessageType = 'raw' | 'digest';

const KEYS = '/api/kms/v1/keys';
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

  /** The same bodies to another path. */
  bodiesTo(path: string): RawRequest[] {
    return this.signRequests('raw').map((request) => ({ ...request, path }));
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
