/**
 * What the two processes say to each other, as JSON over Node's own channel: small messages of text are what it carries
 * fastest. Bytes are base64. The PIN and private keys are no part of it: they go as raw bytes through a pipe beside it,
 * so that they never become a string, and a message says how many to read.
 */

/** How the operator names the token. */
export type TokenChoice =
  | { readonly setting: 'token_label'; readonly value: string }
  | { readonly setting: 'token_serial'; readonly value: string }
  | { readonly setting: 'slot'; readonly value: number };

export interface MechanismLimits {
  readonly mechanism: number;
  readonly flags: number;
  readonly minKeySize: number;
  readonly maxKeySize: number;
}

export interface TokenFacts {
  readonly label: string;
  readonly manufacturer: string;
  readonly model: string;
  readonly serial: string;
  readonly firmware: string;
  /** CK_TOKEN_INFO.flags and CK_SLOT_INFO.flags. */
  readonly flags: number;
  readonly slotFlags: number;
  /** Sessions the token gives to one process; 0 where it does not say or does not mind. */
  readonly maxSessions: number;
  readonly mechanisms: readonly MechanismLimits[];
}

/** A mechanism over bytes that were hashed already, where the scheme hashes at all. */
export interface SignCall {
  readonly id: string;
  readonly mechanism: number;
  /** hashAlg, mgf and salt length of CK_RSA_PKCS_PSS_PARAMS. */
  readonly pss?: readonly [number, number, number];
  readonly data: string;
}

/** What kind of key pair is to be made or put there. */
export interface PairPlan {
  readonly keyType: number;
  readonly modulusBits?: number;
  readonly curve?: string;
}

export interface PublicParts {
  readonly modulus?: string;
  readonly publicExponent?: string;
  readonly curve?: string;
  readonly point?: string;
}

/** What the token says of how it guards a private key; absent where it does not say. */
export interface Guard {
  readonly sensitive?: boolean;
  readonly extractable?: boolean;
  readonly always_sensitive?: boolean;
  readonly never_extractable?: boolean;
  readonly local?: boolean;
}

/** A pair that was made, or is there. */
export interface PairRecord {
  readonly keyType: number;
  readonly label: string;
  readonly parts: PublicParts;
  readonly guard: Guard;
}

/** A private key among all. */
export interface ListedKey {
  readonly id: string;
  readonly label: string;
  readonly keyType: number;
  readonly modulusBits?: number;
  readonly curve?: string;
}

interface Named {
  /** CKA_ID. */
  readonly id: string;
  readonly label: string;
}

/** How a wrapped private key is opened. */
export interface UnwrapCall {
  /** CKA_ID of the wrapping key; absent: the one of this child's own. */
  readonly under?: string;
  /** hashAlg and mgf of CK_RSA_PKCS_OAEP_PARAMS. */
  readonly oaep: readonly [number, number];
  /** The AES key under the wrapping key. */
  readonly aes: string;
  /** The mechanism of AES-KWP. */
  readonly kwp: number;
  /** The private key under the AES key. */
  readonly body: string;
  readonly keyType: number;
}

/** What can be asked of the child, and what it answers. */
export interface TokenCalls {
  open: [{ readonly module: string; readonly choice: TokenChoice }, TokenFacts];
  login: [{ readonly secretLength: number; readonly sessions: number }, { readonly sessions: number }];
  /** Makes a pair for this session only, signs with it and forgets it. */
  probe: [
    { readonly generate: number; readonly plan: PairPlan; readonly sign: Omit<SignCall, 'id'> },
    { readonly parts: PublicParts; readonly signature: string },
  ];
  sign: [SignCall, string];
  generate: [Named & { readonly mechanism: number; readonly plan: PairPlan }, PairRecord];
  import: [
    Named & {
      readonly keyType: number;
      readonly parts: PublicParts;
      readonly secretLength: number;
      /** Which attributes the secret is made of, and how many bytes each has. */
      readonly secretParts: readonly (readonly [attribute: number, length: number])[];
    },
    PairRecord,
  ];
  /** A pair that keys are wrapped under: on the token, or, where it has no name, for as long as the child lives. */
  wrapping: [Partial<Named> & { readonly mechanism: number; readonly modulusBits: number }, PairRecord];
  /** `parts` make the public object; absent, those that the private one tells, which are `told` in any case. */
  unwrap: [
    Named & { readonly call: UnwrapCall; readonly parts?: PublicParts },
    PairRecord & { readonly told: PublicParts },
  ];
  /** Opens a key for this session only, signs with it and forgets it. */
  'probe-unwrap': [{ readonly call: UnwrapCall; readonly sign: Omit<SignCall, 'id'> }, string];
  /** `pair` is absent unless there is exactly one such private key with its public half. */
  find: [{ readonly id: string }, { readonly privateKeys: number; readonly pair?: PairRecord }];
  destroy: [{ readonly id: string }, number];
  /** Handles of all private keys that sign; they hold while the child lives. */
  list: [Record<string, never>, readonly string[]];
  read: [{ readonly handles: readonly string[] }, readonly ListedKey[]];
  /** Looks the key up anew when it is used next. */
  forget: [{ readonly id: string }, true];
  /** Whether the token is there and logged in. */
  check: [Record<string, never>, true];
}

export type TokenOperation = keyof TokenCalls;
export type TokenArguments<Op extends TokenOperation> = TokenCalls[Op][0];
export type TokenResult<Op extends TokenOperation> = TokenCalls[Op][1];

export type FailureKind =
  /** The packages that speak PKCS#11 are not here, or were not built. */
  | 'driver'
  /** The vendor's library does not load or does not begin. */
  | 'module'
  /** No token, or more than one, is the one chosen. */
  | 'choice'
  /** The PIN was refused. It is never tried again. */
  | 'pin'
  /** The token, or the login, is gone: the child is of no use any more. */
  | 'device'
  /** This call failed; the token is well. */
  | 'failed'
  /** The token does not do this, or not with this key. Asking again is in vain. */
  | 'refused'
  /** What was wrapped does not open, or is no key of the kind that it should be. */
  | 'unopened'
  /** There is no such key. */
  | 'missing'
  /** There is such a key already. */
  | 'exists'
  /** The child ended, or did not answer in time, and was ended: what it did is not known. */
  | 'lost';

/** `reason` is for logs: a name of PKCS#11, never bytes of the caller. */
export interface Failure {
  readonly kind: FailureKind;
  readonly reason: string;
}

export type ToChild = readonly [call: number, operation: TokenOperation, args: unknown];
export type FromChild = readonly [call: number, result: unknown, failure?: Failure];
