import { beforeEach, describe, expect, it } from 'vitest';
import type { Handle, PKCS11 } from 'pkcs11js';
import { SessionPool } from './session-pool.js';
import { TokenObjects } from './token-objects.js';
import { TokenOperations } from './token-operations.js';

const CKR = Object.freeze({
  GENERAL_ERROR: 0x05,
  DEVICE_REMOVED: 0x32,
  KEY_HANDLE_INVALID: 0x60,
  MECHANISM_INVALID: 0x70,
  SESSION_HANDLE_INVALID: 0xb3,
  USER_NOT_LOGGED_IN: 0x101,
});

const ID = Buffer.from('an id').toString('base64');
const CALL = { id: ID, mechanism: 1, data: 'AAAA' };
const PAIR = { id: ID, label: 'a label', mechanism: 1, plan: { keyType: 3, curve: 'AAAA' } };
const SIGNATURE = Buffer.from('a signature');

const failing = (code: number): never => {
  throw Object.assign(new Error(`CKR_${code}`), { code });
};

/** As much of a library as operations touch; what it is to fail with is put into `failures`. */
class FakeLibrary {
  /** Return values that the next calls of a function end with, in order. */
  readonly failures: Record<string, number[]> = {};
  readonly calls: string[] = [];
  readonly open = new Set<string>();
  #sessions = 0;

  C_OpenSession(): Handle {
    this.#called('C_OpenSession');
    const session = Buffer.from(`session ${(this.#sessions += 1)}`);
    this.open.add(session.toString());
    return session;
  }

  C_CloseSession(session: Handle): void {
    this.open.delete(session.toString());
  }

  C_FindObjectsInit(): void {
    this.#called('C_FindObjectsInit');
  }

  C_FindObjects(): Handle[] {
    return [Buffer.from(`key ${this.calls.length}`)];
  }

  C_FindObjectsFinal(): void {}

  C_SignInit(session: Handle): void {
    expect(this.open).toContain(session.toString());
    this.#called('C_SignInit');
  }

  async C_SignAsync(): Promise<Buffer> {
    return SIGNATURE;
  }

  async C_GenerateKeyPairAsync(): Promise<never> {
    this.#called('C_GenerateKeyPair');
    throw new Error('nobody asks this library for more');
  }

  times(name: string): number {
    return this.calls.filter((one) => one === name).length;
  }

  #called(name: string): void {
    this.calls.push(name);
    const failure = this.failures[name]?.shift();
    if (failure !== undefined) failing(failure);
  }
}

describe('TokenOperations', () => {
  let library: FakeLibrary;
  let operations: TokenOperations;
  let well: boolean;

  beforeEach(() => {
    library = new FakeLibrary();
    well = true;
    const lib = library as unknown as PKCS11;
    const pool = new SessionPool(lib, Buffer.from('slot'));
    pool.fill(1);
    operations = new TokenOperations(lib, pool, new TokenObjects(lib), () => well);
  });

  const failure = (kind: string): unknown =>
    expect.objectContaining({ failure: expect.objectContaining({ kind }) });

  it('opens another session for one that was lost, and signs once more', async () => {
    library.failures['C_SignInit'] = [CKR.SESSION_HANDLE_INVALID];
    expect(await operations.sign(CALL)).toBe(SIGNATURE.toString('base64'));
    expect(library.times('C_SignInit')).toBe(2);
    expect(library.open).toEqual(new Set(['session 2']));
  });

  it('does so once only', async () => {
    library.failures['C_SignInit'] = [CKR.SESSION_HANDLE_INVALID, CKR.SESSION_HANDLE_INVALID];
    await expect(operations.sign(CALL)).rejects.toThrow(failure('failed'));
    expect(library.times('C_SignInit')).toBe(2);
    expect(await operations.sign(CALL)).toBe(SIGNATURE.toString('base64'));
  });

  it('never makes a key once more', async () => {
    library.C_FindObjects = () => [];
    library.failures['C_GenerateKeyPair'] = [CKR.SESSION_HANDLE_INVALID];
    await expect(operations.generate(PAIR)).rejects.toThrow(failure('failed'));
    expect(library.times('C_GenerateKeyPair')).toBe(1);
  });

  it('makes no key where one of its id is', async () => {
    await expect(operations.generate(PAIR)).rejects.toThrow(failure('exists'));
    expect(library.times('C_GenerateKeyPair')).toBe(0);
  });

  it('looks a key up once, and once more when its handle is no longer valid', async () => {
    await operations.sign(CALL);
    await operations.sign(CALL);
    expect(library.times('C_FindObjectsInit')).toBe(1);
    library.failures['C_SignInit'] = [CKR.KEY_HANDLE_INVALID];
    await operations.sign(CALL);
    expect(library.times('C_FindObjectsInit')).toBe(2);
    library.failures['C_SignInit'] = [CKR.KEY_HANDLE_INVALID, CKR.KEY_HANDLE_INVALID];
    await expect(operations.sign(CALL)).rejects.toThrow(failure('failed'));
    expect(library.times('C_FindObjectsInit')).toBe(3);
  });

  it('says of a mechanism that the token does not know that it is in vain', async () => {
    library.failures['C_SignInit'] = [CKR.MECHANISM_INVALID];
    await expect(operations.sign(CALL)).rejects.toThrow(failure('refused'));
    expect(await operations.sign(CALL)).toBe(SIGNATURE.toString('base64'));
  });

  it('leaves the token alone where only a key asks for a login of its own', async () => {
    library.failures['C_SignInit'] = [CKR.USER_NOT_LOGGED_IN];
    await expect(operations.sign(CALL)).rejects.toThrow(failure('failed'));
  });

  it('says of a device that was removed that it is gone', async () => {
    library.failures['C_SignInit'] = [CKR.DEVICE_REMOVED];
    await expect(operations.sign(CALL)).rejects.toThrow(failure('device'));
  });

  it('does not say of a token that is gone that there is nothing in it', async () => {
    library.C_FindObjects = () => [];
    expect(await operations.destroy({ id: ID })).toBe(0);
    expect(await operations.find({ id: ID })).toEqual({ privateKeys: 0 });
    expect(await operations.list()).toEqual([]);
    well = false;
    await expect(operations.destroy({ id: ID })).rejects.toThrow(failure('device'));
    await expect(operations.find({ id: ID })).rejects.toThrow(failure('device'));
    await expect(operations.list()).rejects.toThrow(failure('device'));
  });

  it('asks the token how it is where an error says nothing, or a key is missing', async () => {
    library.failures['C_SignInit'] = [CKR.GENERAL_ERROR, CKR.GENERAL_ERROR];
    await expect(operations.sign(CALL)).rejects.toThrow(failure('failed'));
    well = false;
    await expect(operations.sign(CALL)).rejects.toThrow(failure('device'));
    library.C_FindObjects = () => [];
    await expect(operations.sign(CALL)).rejects.toThrow(failure('device'));
    well = true;
    await expect(operations.sign(CALL)).rejects.toThrow(failure('missing'));
  });

  it('uses no session again in which something failed', async () => {
    library.failures['C_SignInit'] = [CKR.GENERAL_ERROR];
    await expect(operations.sign(CALL)).rejects.toThrow();
    expect(library.open).toEqual(new Set(['session 2']));
  });

  it('says that the token is gone when no other session can be had', async () => {
    library.failures['C_SignInit'] = [CKR.GENERAL_ERROR];
    library.failures['C_OpenSession'] = [CKR.DEVICE_REMOVED];
    await expect(operations.sign(CALL)).rejects.toThrow(failure('device'));
  });
});
