import { setImmediate as turn } from 'node:timers/promises';
import type { Handle, PKCS11, Template } from 'pkcs11js';
import { CKA, CKK, CKO } from '../cryptoki.js';
import type { Guard, ListedKey, PairRecord, PublicParts } from '../token-protocol.js';
import { PUBLIC_ATTRIBUTES } from './key-templates.js';
import { TokenFailure, meaningOf } from '../token-failure.js';

/** Handles asked for at once; between two such calls others have their turn. */
const PAGE = 100;
/** Handles remembered. They are no secrets, and asking again costs a search. */
const REMEMBERED = 10_000;

const GUARDS: readonly (readonly [keyof Guard, number])[] = [
  ['sensitive', CKA.SENSITIVE],
  ['extractable', CKA.EXTRACTABLE],
  ['always_sensitive', CKA.ALWAYS_SENSITIVE],
  ['never_extractable', CKA.NEVER_EXTRACTABLE],
  ['local', CKA.LOCAL],
];

/** The keys of a token by CKA_ID, in base64. */
export class TokenObjects {
  readonly #privateKeys = new Map<string, Handle>();

  constructor(private readonly lib: PKCS11) {}

  /** The private key, as remembered or found. Throws `TokenFailure` `missing`. */
  async privateKey(session: Handle, id: string): Promise<Handle> {
    const [found] = await this.find(session, CKO.PRIVATE_KEY, id);
    if (!found) throw TokenFailure.of('missing', 'no such key');
    if (this.#privateKeys.size >= REMEMBERED) this.#privateKeys.clear();
    this.#privateKeys.set(id, found);
    return found;
  }

  remembered(id: string): Handle | undefined {
    return this.#privateKeys.get(id);
  }

  forget(id: string): void {
    this.#privateKeys.delete(id);
  }

  find(session: Handle, objectClass: number, id: string): Promise<Handle[]> {
    return this.#search(session, [
      { type: CKA.CLASS, value: objectClass },
      { type: CKA.TOKEN, value: true },
      { type: CKA.ID, value: Buffer.from(id, 'base64') },
    ]);
  }

  listPrivateKeys(session: Handle): Promise<Handle[]> {
    return this.#search(session, [
      { type: CKA.CLASS, value: CKO.PRIVATE_KEY },
      { type: CKA.TOKEN, value: true },
      { type: CKA.SIGN, value: true },
    ]);
  }

  /** The pair of that id, when there is one private key, with its public half. */
  async pair(session: Handle, id: string): Promise<{ privateKeys: number; pair?: PairRecord }> {
    const privateKeys = await this.find(session, CKO.PRIVATE_KEY, id);
    const publicKeys = await this.find(session, CKO.PUBLIC_KEY, id);
    const [privateKey] = privateKeys;
    if (!privateKey || privateKeys.length > 1 || publicKeys.length > 1)
      return { privateKeys: privateKeys.length };
    return { privateKeys: 1, pair: this.record(session, privateKey, publicKeys[0] ?? privateKey) };
  }

  /** `publicKey` may be the private one: some of them tell their public half. */
  record(session: Handle, privateKey: Handle, publicKey: Handle): PairRecord {
    const keyType = this.#number(session, privateKey, CKA.KEY_TYPE) ?? -1;
    const parts: Record<string, string> = {};
    for (const [name, type] of PUBLIC_ATTRIBUTES[keyType] ?? []) {
      const value = this.#read(session, publicKey, type)?.toString('base64');
      if (value !== undefined) parts[name] = value;
    }
    const guard: { -readonly [Name in keyof Guard]: boolean } = {};
    for (const [name, type] of GUARDS) {
      const value = this.#read(session, privateKey, type)?.[0];
      if (value !== undefined) guard[name] = value !== 0;
    }
    return { keyType, label: this.#label(session, privateKey), parts: parts satisfies PublicParts, guard };
  }

  /** What is said of a private key in a listing; undefined where it is gone or has no id. */
  listed(session: Handle, handle: Handle): ListedKey | undefined {
    const id = this.#read(session, handle, CKA.ID);
    const keyType = this.#number(session, handle, CKA.KEY_TYPE);
    if (!id || id.length === 0 || keyType === undefined) return undefined;
    const curve = keyType === CKK.RSA ? undefined : this.#read(session, handle, CKA.EC_PARAMS);
    const modulus = keyType === CKK.RSA ? this.#read(session, handle, CKA.MODULUS) : undefined;
    return {
      id: id.toString('base64'),
      label: this.#label(session, handle),
      keyType,
      ...(curve && { curve: curve.toString('base64') }),
      ...(modulus && { modulusBits: 8 * modulus.length - Math.clz32(modulus[0] ?? 0) + 24 }),
    };
  }

  /** Destroys private keys before public ones, so that what is left over is never taken for a key. */
  async destroy(session: Handle, id: string): Promise<number> {
    this.forget(id);
    const privateKeys = await this.find(session, CKO.PRIVATE_KEY, id);
    const publicKeys = await this.find(session, CKO.PUBLIC_KEY, id);
    for (const handle of [...privateKeys, ...publicKeys]) {
      try {
        this.lib.C_DestroyObject(session, handle);
      } catch (error) {
        // Somebody else was faster.
        if (meaningOf(error) !== 'handle') throw error;
      }
    }
    return privateKeys.length;
  }

  async #search(session: Handle, template: Template): Promise<Handle[]> {
    this.lib.C_FindObjectsInit(session, template);
    const found: Handle[] = [];
    try {
      for (;;) {
        const page = this.lib.C_FindObjects(session, PAGE);
        found.push(...page);
        if (page.length < PAGE) return found;
        await turn();
      }
    } finally {
      this.lib.C_FindObjectsFinal(session);
    }
  }

  #label(session: Handle, handle: Handle): string {
    return this.#read(session, handle, CKA.LABEL)?.toString('utf8') ?? '';
  }

  #number(session: Handle, handle: Handle, type: number): number | undefined {
    return this.#read(session, handle, type)?.readUInt32LE();
  }

  /** One at a time: a template with one attribute that a token does not have fails as a whole. */
  #read(session: Handle, handle: Handle, type: number): Buffer | undefined {
    try {
      return this.lib.C_GetAttributeValue(session, handle, [{ type }])[0]?.value;
    } catch (error) {
      // Not this attribute, or not this object any more.
      if (['refused', 'handle'].includes(meaningOf(error))) return undefined;
      throw error;
    }
  }
}
