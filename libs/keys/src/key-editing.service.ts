import type { AuditAction, AuditLog } from '#audit';
import type { Database } from '#database';
import { AppError, type RequestContext } from '#kernel';
import { requireVersion } from './if-match.js';
import { applyJsonPatch, type PatchHandling } from './json-patch.js';
import type { KeyDirectory } from './key-directory.js';
import { aliasesFault, metadataFault } from './key-rules.js';
import { viewKey, type KeyView } from './key-view.js';
import { getKey, updateKey } from './key.repository.js';
import type { KeyEntity, Metadata } from './key.entity.js';

type Edit = Partial<Pick<KeyEntity, 'name' | 'aliases' | 'tags' | 'metadata'>>;

/** Changes to what describes a key. Each is one transaction with the row locked, all or nothing. */
export class KeyEditingService {
  constructor(
    private readonly database: Database,
    private readonly directory: KeyDirectory,
    private readonly audit: AuditLog,
  ) {}

  rename(ctx: RequestContext, ref: string, name: string, ifMatch?: string): Promise<KeyView> {
    return this.#edit(ctx, ref, ifMatch, 'kms.key.rename', () => ({ name }));
  }

  replaceTags(ctx: RequestContext, ref: string, tags: readonly string[], ifMatch?: string): Promise<KeyView> {
    return this.#edit(ctx, ref, ifMatch, 'kms.key.tag', () => ({ tags: [...new Set(tags)] }));
  }

  /** Applies a JSON Patch to the list of aliases. Throws `invalid_patch`, `alias_taken`. */
  patchAliases(
    ctx: RequestContext,
    ref: string,
    patches: readonly unknown[],
    handling: PatchHandling,
    ifMatch?: string,
  ): Promise<KeyView> {
    return this.#edit(ctx, ref, ifMatch, 'kms.key.alias', (key) => {
      const aliases = applyJsonPatch(key.aliases, patches, handling);
      refuseResult('aliases', aliasesFault(aliases));
      return { aliases: aliases as string[] };
    });
  }

  /** Applies a JSON Patch to the metadata object. Throws `invalid_patch`. */
  patchMetadata(
    ctx: RequestContext,
    ref: string,
    patches: readonly unknown[],
    handling: PatchHandling,
    ifMatch?: string,
  ): Promise<KeyView> {
    return this.#edit(ctx, ref, ifMatch, 'kms.key.annotate', (key) => {
      const metadata = applyJsonPatch(key.metadata, patches, handling);
      refuseResult('metadata', metadataFault(metadata));
      return { metadata: metadata as Metadata };
    });
  }

  async #edit(
    ctx: RequestContext,
    ref: string,
    ifMatch: string | undefined,
    action: AuditAction,
    edit: (key: KeyEntity) => Edit,
  ): Promise<KeyView> {
    return this.database.transaction(ctx, async (tx) => {
      const key = await getKey(tx, ctx, ref, { lock: true });
      requireVersion(ifMatch, key.version);
      const change = edit(key);
      const updated = await updateKey(tx, key, change);
      await this.audit.appendIn(tx, ctx, ctx.tenantId, {
        action,
        outcome: 'success',
        keyId: key.keyId,
        detail: { version: updated.version, ...(action === 'kms.key.alias' && { aliases: updated.aliases }) },
      });
      tx.afterCommit(() => this.directory.evict(key.tenantId, key.keyId));
      return viewKey(updated);
    });
  }
}

function refuseResult(what: string, fault: string | undefined): void {
  if (fault) throw new AppError('invalid_patch', { detail: `The patched ${what} ${fault}.` });
}
