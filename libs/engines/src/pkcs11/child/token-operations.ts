import type { Handle, KeyPair, Mechanism, PKCS11, Template } from 'pkcs11js';
import { CKO } from '../cryptoki.js';
import type {
  PairRecord,
  PublicParts,
  SignCall,
  TokenArguments,
  TokenResult,
  UnwrapCall,
} from '../token-protocol.js';
import {
  importedPrivate,
  importedPublic,
  privateTemplate,
  publicTemplate,
  unwrappedPrivate,
  wrappingPrivate,
  wrappingPublic,
  type Stay,
} from './key-templates.js';
import type { SessionPool } from './session-pool.js';
import { TokenFailure, isOfWrapped, meaningOf, reasonOf } from '../token-failure.js';
import type { TokenObjects } from './token-objects.js';
import { openWrapped } from './wrapped-key.js';

/** CK_PARAMS_RSA_PSS of pkcs11js. */
const PSS_PARAMETERS = 5;
/** Longer than any signature of RSA and curves. */
const SIGNATURE_ROOM = 1024;

const decode = (text: string): Buffer => Buffer.from(text, 'base64');

function mechanismOf({ mechanism, pss }: Omit<SignCall, 'id'>): Mechanism {
  if (!pss) return { mechanism };
  const [hashAlg, mgf, saltLen] = pss;
  return { mechanism, parameter: { type: PSS_PARAMETERS, hashAlg, mgf, saltLen } as Mechanism['parameter'] };
}

const stayOf = ({ id, label }: { id: string; label: string }): Stay => ({ id: decode(id), label });

/** A key that the token would give away is none. */
function isGuarded({ guard }: PairRecord): boolean {
  return guard.sensitive === true && guard.extractable === false;
}

/** What is done with a token that is logged in: one operation, one session. */
export class TokenOperations {
  /** What the library was given a pointer to and has not answered yet. */
  readonly #held = new Set<Buffer>();
  /** What is wrapped in this host is wrapped under; and its session, which is lent to nobody, for it ends with that. */
  #own: { readonly session: Handle; key?: Handle } | undefined;

  constructor(
    private readonly lib: PKCS11,
    private readonly pool: SessionPool,
    private readonly objects: TokenObjects,
    /** Whether the token is there and logged in. */
    private readonly isWell: () => boolean,
  ) {}

  sign(call: SignCall): Promise<string> {
    return this.#withSession(async (session) => {
      const remembered = this.objects.remembered(call.id);
      try {
        const key = remembered ?? (await this.objects.privateKey(session, call.id));
        return (await this.#signBy(session, key, call)).toString('base64');
      } catch (error) {
        this.objects.forget(call.id);
        // Another process may have destroyed the object and made it anew.
        if (!remembered || meaningOf(error) !== 'handle') throw error;
        return (await this.#signBy(session, await this.objects.privateKey(session, call.id), call)).toString(
          'base64',
        );
      }
    }, 2);
  }

  probe({ generate, plan, sign }: TokenArguments<'probe'>): Promise<TokenResult<'probe'>> {
    return this.#withSession(async (session) => {
      const { privateKey, publicKey } = await this.lib.C_GenerateKeyPairAsync(
        session,
        { mechanism: generate },
        publicTemplate(plan, undefined),
        privateTemplate(undefined),
      );
      const { parts } = this.objects.record(session, privateKey, publicKey);
      const signature = await this.#signBy(session, privateKey, sign);
      for (const handle of [privateKey, publicKey]) this.lib.C_DestroyObject(session, handle);
      return { parts, signature: signature.toString('base64') };
    });
  }

  generate(args: TokenArguments<'generate'>): Promise<PairRecord> {
    const stay = stayOf(args);
    return this.#make(args.id, (session) =>
      this.lib.C_GenerateKeyPairAsync(
        session,
        { mechanism: args.mechanism },
        publicTemplate(args.plan, stay),
        privateTemplate(stay),
      ),
    );
  }

  /** `secret` is wiped. */
  async import(args: TokenArguments<'import'>, secret: Buffer): Promise<PairRecord> {
    const { keyType, parts, secretParts } = args;
    const stay = stayOf(args);
    let at = 0;
    const secrets: Template = secretParts.map(([type, length]) => ({
      type,
      value: secret.subarray(at, (at += length)),
    }));
    try {
      return await this.#make(args.id, (session) => ({
        publicKey: this.lib.C_CreateObject(session, importedPublic(keyType, parts, stay)),
        privateKey: this.lib.C_CreateObject(session, importedPrivate(keyType, parts, secrets, stay)),
      }));
    } finally {
      secret.fill(0);
    }
  }

  /** A pair without a name takes the place of the one before. */
  wrapping({ id, label = '', ...kind }: TokenArguments<'wrapping'>): Promise<PairRecord> {
    const make = (session: Handle, stay?: Stay): Promise<KeyPair> =>
      this.lib.C_GenerateKeyPairAsync(
        session,
        { mechanism: kind.mechanism },
        wrappingPublic(kind.modulusBits, stay),
        wrappingPrivate(stay),
      );
    if (id === undefined) return this.#makeOwn(make);
    return this.#make(id, (session) => make(session, stayOf({ id, label })));
  }

  async unwrap({ call, parts, ...named }: TokenArguments<'unwrap'>): Promise<TokenResult<'unwrap'>> {
    const stay = stayOf(named);
    let told: PublicParts = {};
    const record = await this.#make(named.id, async (session) => {
      const privateKey = await this.#open(session, call, stay);
      told = this.objects.record(session, privateKey, privateKey).parts;
      const template = importedPublic(call.keyType, parts ?? told, stay);
      return { privateKey, publicKey: this.lib.C_CreateObject(session, template) };
    });
    return { ...record, told };
  }

  probeUnwrap({ call, sign }: TokenArguments<'probe-unwrap'>): Promise<string> {
    return this.#withSession(async (session) => {
      const key = await this.#open(session, call, undefined);
      const signature = await this.#signBy(session, key, sign);
      this.lib.C_DestroyObject(session, key);
      return signature.toString('base64');
    });
  }

  find({ id }: TokenArguments<'find'>): Promise<TokenResult<'find'>> {
    return this.#withSession(async (session) => {
      const found = await this.objects.pair(session, id);
      if (found.privateKeys === 0) this.#requireWell();
      return found;
    }, 2);
  }

  destroy({ id }: TokenArguments<'destroy'>): Promise<number> {
    return this.#withSession(async (session) => {
      const destroyed = await this.objects.destroy(session, id);
      if (destroyed === 0) this.#requireWell();
      return destroyed;
    }, 2);
  }

  list(): Promise<readonly string[]> {
    return this.#withSession(async (session) => {
      const handles = await this.objects.listPrivateKeys(session);
      this.#requireWell();
      return handles.map((handle) => handle.toString('base64'));
    }, 2);
  }

  read({ handles }: TokenArguments<'read'>): Promise<TokenResult<'read'>> {
    return this.#withSession(async (session) => {
      const keys = handles.map((handle) => this.objects.listed(session, decode(handle)));
      if (keys.includes(undefined)) this.#requireWell();
      return keys.filter((key) => key !== undefined);
    }, 2);
  }

  forget({ id }: TokenArguments<'forget'>): true {
    this.objects.forget(id);
    return true;
  }

  /** A token that is gone shows nothing either, and has it all the same. */
  #requireWell(): void {
    if (!this.isWell()) throw TokenFailure.of('device', 'the token is gone or logged out');
  }

  /** Makes a pair where there is none, and undoes what the token did by halves or does not guard. */
  #make(id: string, make: (session: Handle) => Promise<KeyPair> | KeyPair): Promise<PairRecord> {
    return this.#withSession(async (session) => {
      const there = await this.objects.find(session, CKO.PRIVATE_KEY, id);
      if (there.length > 0) throw TokenFailure.of('exists', 'a key has this id');
      try {
        const { privateKey, publicKey } = await make(session);
        const record = this.objects.record(session, privateKey, publicKey);
        if (isGuarded(record)) return record;
        throw TokenFailure.of('refused', 'the token would give the key away');
      } catch (error) {
        await this.objects.destroy(session, id).catch(() => undefined);
        throw error;
      }
    });
  }

  async #makeOwn(make: (session: Handle) => Promise<KeyPair>): Promise<PairRecord> {
    try {
      this.#own ??= { session: this.pool.open() };
      const { privateKey, publicKey } = await make(this.#own.session);
      const record = this.objects.record(this.#own.session, privateKey, publicKey);
      if (!isGuarded(record)) throw TokenFailure.of('refused', 'the token would give the key away');
      this.#own.key = privateKey;
      return record;
    } catch (error) {
      throw this.#failureOf(error);
    }
  }

  async #open(session: Handle, call: UnwrapCall, stay: Stay | undefined): Promise<Handle> {
    const wrappingKey =
      call.under === undefined
        ? this.#own?.key
        : (await this.objects.find(session, CKO.PRIVATE_KEY, call.under))[0];
    if (!wrappingKey) throw TokenFailure.of('missing', 'no such wrapping key');
    try {
      return await openWrapped(this.lib, session, wrappingKey, call, unwrappedPrivate(call.keyType, stay));
    } catch (error) {
      if (isOfWrapped(error) && this.isWell()) throw TokenFailure.of('unopened', reasonOf(error));
      throw error;
    }
  }

  async #signBy(session: Handle, key: Handle, call: Omit<SignCall, 'id'>): Promise<Buffer> {
    const data = decode(call.data);
    const room = Buffer.allocUnsafe(SIGNATURE_ROOM);
    this.#held.add(data).add(room);
    try {
      this.lib.C_SignInit(session, mechanismOf(call), key);
      return await this.lib.C_SignAsync(session, data, room);
    } finally {
      this.#held.delete(data);
      this.#held.delete(room);
    }
  }

  /**
   * Runs the work in a session of its own. A session in which something failed is not used again; where only the
   * session was at fault, the work is done once more, if it may be: `attempts`.
   */
  async #withSession<T>(work: (session: Handle) => Promise<T>, attempts = 1): Promise<T> {
    let session = await this.pool.take();
    try {
      for (let left = attempts - 1; ; left -= 1) {
        try {
          return await work(session);
        } catch (error) {
          if (!(error instanceof TokenFailure)) session = this.#renew(session);
          if (left === 0 || meaningOf(error) !== 'session') throw this.#failureOf(error);
        }
      }
    } finally {
      this.pool.give(session);
    }
  }

  #renew(session: Handle): Handle {
    try {
      return this.pool.renew(session);
    } catch (error) {
      throw TokenFailure.of('device', reasonOf(error));
    }
  }

  #failureOf(error: unknown): TokenFailure {
    if (error instanceof TokenFailure && error.failure.kind !== 'missing') return error;
    const meaning = meaningOf(error);
    if (meaning === 'refused') return TokenFailure.of('refused', reasonOf(error));
    // A key that is not there, and an error that says nothing, may both mean that the token is gone.
    if (meaning === 'device' || !this.isWell()) return TokenFailure.of('device', reasonOf(error));
    return error instanceof TokenFailure ? error : TokenFailure.of('failed', reasonOf(error));
  }
}
