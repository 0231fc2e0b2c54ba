import { statSync, type Stats } from 'node:fs';
import { AppError, SecretBytes } from '#kernel';
import { hmacSha256 } from './derive.js';
import { unwrapKey, wrapKey } from './envelope.js';
import { readRootRing } from './root-ring-file.js';
import type { RootWrapped, RootWrapper } from './root-wrapper.js';
import type { SealBinding } from './sealer.js';

const CHECK_LABEL = 'claviger root check value v1';
const CHECK_LENGTH = 16;

const changed = (a: Stats, b: Stats): boolean =>
  a.mtimeMs !== b.mtimeMs || a.ctimeMs !== b.ctimeMs || a.size !== b.size || a.ino !== b.ino;

/** Roots from a ring file. Roots added to the file while the process runs are picked up. */
export class RootRing implements RootWrapper {
  #roots = new Map<string, SecretBytes>();
  #stats: Stats | undefined;

  /** Throws `RootRingError` where the file cannot be used. */
  constructor(private readonly file: string) {
    this.#read();
  }

  get activeId(): string {
    this.#refresh();
    return this.#lastId();
  }

  ids(): string[] {
    this.#refresh();
    return [...this.#roots.keys()];
  }

  wrap(binding: SealBinding, key: SecretBytes): RootWrapped {
    this.#refresh();
    const rootId = this.#lastId();
    return { rootId, wrapped: wrapKey(this.#root(rootId), binding, key) };
  }

  unwrap(rootId: string, binding: SealBinding, wrapped: Buffer): SecretBytes {
    return unwrapKey(this.#root(rootId), binding, wrapped);
  }

  checkValue(rootId: string): Buffer {
    return hmacSha256(this.#root(rootId), CHECK_LABEL).subarray(0, CHECK_LENGTH);
  }

  #lastId(): string {
    return [...this.#roots.keys()].at(-1) ?? '';
  }

  #root(id: string): SecretBytes {
    if (!this.#roots.has(id)) this.#refresh();
    const root = this.#roots.get(id);
    if (root) return root;
    throw new AppError('unavailable', { cause: new Error(`root key ring ${this.file} has no root "${id}"`) });
  }

  /** A ring that has become unusable stops the request, not the process. */
  #refresh(): void {
    try {
      if (!this.#stats || changed(statSync(this.file), this.#stats)) this.#read();
    } catch (cause) {
      throw new AppError('unavailable', { cause });
    }
  }

  #read(): void {
    const { roots, stats } = readRootRing(this.file);
    this.#roots = new Map([...roots].map(([id, root]) => [id, SecretBytes.take(root)]));
    this.#stats = stats;
  }
}
