import {
  ListAliasesCommand,
  ListKeysCommand,
  ListResourceTagsCommand,
  type KeyListEntry,
  type KeyMetadata,
} from '@aws-sdk/client-kms';
import type { EngineKeyRef, HeldKey } from '../engine.js';
import type { KmsConnection } from './kms-connection.js';
import { faultName } from './kms-faults.js';
import { findKey } from './kms-key.js';
import { keySpecOfAws } from './kms-key-specs.js';
import { aliasOf, isSameRef, refOf } from './kms-names.js';
import { isComplete } from './key-state.js';

/** Keys looked at at once. */
const AT_ONCE = 8;
const PAGE = 100;

/** Whose turns searching takes: nobody's, so that no tenant waits for it more than for another. */
const NOBODY = undefined;

/** Finds keys where their ARN is not known. Slow: AWS KMS has no search, so all keys of the account are looked at. */
export class KeySearch {
  constructor(
    private readonly connection: KmsConnection,
    private readonly aliasPrefix: string,
  ) {}

  /** By the alias, if the tags of the key say the same. */
  async byAlias(ref: EngineKeyRef): Promise<KeyMetadata | undefined> {
    const metadata = await findKey(this.connection, NOBODY, aliasOf(this.aliasPrefix, ref));
    if (!metadata?.Arn) return undefined;
    return isSameRef(await this.refOf(metadata.Arn), ref) ? metadata : undefined;
  }

  /** By tags: for what was made and has no alias yet. */
  async *byTags(ref: EngineKeyRef): AsyncGenerator<KeyMetadata> {
    yield* this.#each(async (arn) =>
      isSameRef(await this.refOf(arn), ref) ? findKey(this.connection, NOBODY, arn) : undefined,
    );
  }

  /** All keys that sign. */
  inventory(): AsyncGenerator<HeldKey> {
    return this.#each((arn) => this.#heldKey(arn));
  }

  async #heldKey(arn: string): Promise<HeldKey | undefined> {
    const metadata = await findKey(this.connection, NOBODY, arn);
    if (metadata?.KeyUsage !== 'SIGN_VERIFY' || !isComplete(metadata.KeyState)) return undefined;
    const ref = await this.refOf(arn);
    return { objectId: arn, ref, label: await this.#label(arn), spec: keySpecOfAws(metadata.KeySpec) };
  }

  async *#each<T>(look: (arn: string) => Promise<T | undefined>): AsyncGenerator<T> {
    for await (const keys of this.#pages()) {
      for (let from = 0; from < keys.length; from += AT_ONCE) {
        const some = keys.slice(from, from + AT_ONCE);
        const found = await Promise.all(some.map(({ KeyArn = '' }) => orGone(look(KeyArn))));
        yield* found.filter((one) => one !== undefined) as T[];
      }
    }
  }

  async *#pages(): AsyncGenerator<readonly KeyListEntry[]> {
    let Marker: string | undefined;
    do {
      const page = await this.connection.call(NOBODY, new ListKeysCommand({ Limit: PAGE, Marker }));
      yield page.Keys ?? [];
      Marker = page.Truncated ? page.NextMarker : undefined;
    } while (Marker !== undefined);
  }

  /** What a key was made for, as its tags say. It has 50 tags at most, which is one page. */
  async refOf(arn: string): Promise<EngineKeyRef | undefined> {
    const { Tags = [] } = await this.connection.call(NOBODY, new ListResourceTagsCommand({ KeyId: arn }));
    return refOf(this.aliasPrefix, Tags);
  }

  async #label(arn: string): Promise<string> {
    const { Aliases = [] } = await this.connection.call(NOBODY, new ListAliasesCommand({ KeyId: arn }));
    return Aliases[0]?.AliasName ?? '';
  }
}

/** A key that went while it was looked at is not there. */
async function orGone<T>(looking: Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await looking;
  } catch (error) {
    if (faultName(error) === 'NotFoundException') return undefined;
    throw error;
  }
}
