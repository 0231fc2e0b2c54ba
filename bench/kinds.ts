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
  /** How often it is measured, in turns of the run: more where something must hold of it, and noise is large. */
  readonly turns: number;
  /**
   * How often a pair is warmed up with it first: not where the pair has signed like this before. What is signed on the
   * pool takes ways of its own.
   */
  readonly warmUps: number;
  /** In how many pairs of fresh processes, in turns of the run; the turns above are of each pair. */
  readonly processes: number;
  /** What a signature may cost above the empty route, in signatures of `openssl`. */
  readonly aboveEmpty?: number;
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
    turns: 0.75,
    warmUps: 0,
    processes: 0.75,
  },
  {
    title: 'RSA-2048',
    algorithm: 'RSA',
    size: 2048,
    signature: RSA,
    hash: 'sha256',
    speed: 'rsa2048',
    turns: 1.25,
    warmUps: 1,
    processes: 0.25,
    aboveEmpty: 1.3,
  },
  {
    title: 'RSA-4096',
    algorithm: 'RSA',
    size: 4096,
    signature: RSA,
    hash: 'sha256',
    speed: 'rsa4096',
    turns: 1.25,
    warmUps: 0,
    processes: 0.25,
    aboveEmpty: 1.1,
  },
  {
    title: 'P-384',
    algorithm: 'ECDSA',
    size: 384,
    signature: 'ECDSA_SHA_384',
    hash: 'sha384',
    speed: 'ecdsap384',
    turns: 0.5,
    warmUps: 0,
    processes: 0.25,
  },
  {
    title: 'Ed25519',
    algorithm: 'Ed25519',
    signature: 'ED25519',
    speed: 'ed25519',
    turns: 0.5,
    warmUps: 0,
    processes: 0.25,
  },
];
