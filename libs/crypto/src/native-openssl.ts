import { createRequire } from 'node:module';
import { AppError } from '#kernel';

/**
 * Calls on the pool for which koffi keeps memory ready; the most it can. It would map memory anew for each further one.
 */
export const POOLED_CALLS = 32;

/** Address of an object of OpenSSL's; null is NULL. */
export type Pointer = bigint | null;

interface NativeFunction<A extends unknown[], R> {
  (...args: A): R;
  async(...args: [...A, (error: Error | null, result: R) => void]): void;
}

type Key = Pointer;
type Context = Pointer;

/** The functions of libcrypto used here, as its manual pages describe them. Buffers are passed by address. */
export interface OpenSsl {
  readonly d2i_AutoPrivateKey: NativeFunction<[null, [Buffer], number], Key>;
  readonly d2i_PUBKEY: NativeFunction<[null, [Buffer], number], Key>;
  readonly EVP_PKEY_free: NativeFunction<[Key], void>;
  readonly EVP_PKEY_get_size: NativeFunction<[Key], number>;
  readonly EVP_PKEY_CTX_new: NativeFunction<[Key, null], Context>;
  readonly EVP_PKEY_CTX_free: NativeFunction<[Context], void>;
  readonly EVP_PKEY_CTX_ctrl_str: NativeFunction<[Context, string, string], number>;
  readonly EVP_PKEY_sign_init: NativeFunction<[Context], number>;
  readonly EVP_PKEY_sign: NativeFunction<[Context, Buffer, BigUint64Array, Buffer, number], number>;
  readonly EVP_PKEY_verify_init: NativeFunction<[Context], number>;
  readonly EVP_PKEY_verify: NativeFunction<[Context, Buffer, number, Buffer, number], number>;
  readonly EVP_PKEY_check: NativeFunction<[Context], number>;
  readonly EVP_MD_fetch: NativeFunction<[null, string, null], Pointer>;
  readonly EVP_Digest: NativeFunction<[Buffer, number, Buffer, null, Pointer, null], number>;
  readonly HMAC_CTX_new: NativeFunction<[], Context>;
  readonly HMAC_Init_ex: NativeFunction<[Context, Buffer, number, Pointer, null], number>;
  readonly HMAC_Update: NativeFunction<[Context, Buffer, number], number>;
  readonly HMAC_Final: NativeFunction<[Context, Buffer, null], number>;
  readonly ERR_clear_error: NativeFunction<[], void>;
}

const SIGNATURES = {
  d2i_AutoPrivateKey: ['void *', ['void *', 'uint8_t **', 'long']],
  d2i_PUBKEY: ['void *', ['void *', 'uint8_t **', 'long']],
  EVP_PKEY_free: ['void', ['void *']],
  EVP_PKEY_get_size: ['int', ['void *']],
  EVP_PKEY_CTX_new: ['void *', ['void *', 'void *']],
  EVP_PKEY_CTX_free: ['void', ['void *']],
  EVP_PKEY_CTX_ctrl_str: ['int', ['void *', 'str', 'str']],
  EVP_PKEY_sign_init: ['int', ['void *']],
  EVP_PKEY_sign: ['int', ['void *', 'void *', 'void *', 'void *', 'size_t']],
  EVP_PKEY_verify_init: ['int', ['void *']],
  EVP_PKEY_verify: ['int', ['void *', 'void *', 'size_t', 'void *', 'size_t']],
  EVP_PKEY_check: ['int', ['void *']],
  EVP_MD_fetch: ['void *', ['void *', 'str', 'str']],
  EVP_Digest: ['int', ['void *', 'size_t', 'void *', 'void *', 'void *', 'void *']],
  HMAC_CTX_new: ['void *', []],
  HMAC_Init_ex: ['int', ['void *', 'void *', 'int', 'void *', 'void *']],
  HMAC_Update: ['int', ['void *', 'void *', 'size_t']],
  HMAC_Final: ['int', ['void *', 'void *', 'void *']],
  ERR_clear_error: ['void', []],
} satisfies Record<keyof OpenSsl, [string, string[]]>;

function bind(): OpenSsl {
  const require = createRequire(import.meta.url);
  const koffi = require('koffi') as typeof import('koffi');
  if (koffi.sizeof('void *') !== 8) throw new Error('lengths are exchanged as 64-bit words');
  // Room for big-number work on the pool's threads; pages not touched cost nothing.
  koffi.config({ async_stack_size: 512 * 1024, resident_async_pools: POOLED_CALLS });
  const self = koffi.load(null);
  const version = String(self.func('OpenSSL_version', 'str', ['int'])(0));
  if (!version.startsWith(`OpenSSL ${process.versions.openssl?.replace(/\+.*/, '')}`)) {
    throw new Error(
      `the OpenSSL found (${version}) is not the one of node:crypto (${process.versions.openssl})`,
    );
  }
  const functions = Object.entries(SIGNATURES).map(([name, [result, parameters]]) => [
    name,
    self.func(name, result, parameters),
  ]);
  return Object.freeze(Object.fromEntries(functions)) as unknown as OpenSsl;
}

let outcome: { readonly openSsl: OpenSsl } | { readonly failure: unknown } | undefined;

function load(): NonNullable<typeof outcome> {
  try {
    return { openSsl: bind() };
  } catch (failure) {
    return { failure };
  }
}

/**
 * The OpenSSL inside this very process, which Node exports: for what `node:crypto` has no function for.
 * Loaded at first use. Throws `AppError` `unsupported_by_engine` where this build of Node does not allow it.
 */
export function nativeOpenSsl(): OpenSsl {
  outcome ??= load();
  if ('openSsl' in outcome) return outcome.openSsl;
  throw new AppError('unsupported_by_engine', {
    detail: 'this needs the OpenSSL of the Node.js runtime to be callable, and it is not in this build',
    cause: outcome.failure,
  });
}

/** Whether `nativeOpenSsl` answers here. */
export function hasNativeOpenSsl(): boolean {
  outcome ??= load();
  return 'openSsl' in outcome;
}
