import type { SealBinding, Sealer } from '#crypto';
import type { Database } from '#database';
import type { JobKind, JobRun, JobStore, JobView } from '#jobs';
import { AppError, newKeyId, SecretBytes, type RequestContext } from '#kernel';
import type { ImportKeyInput, KeyCreationService, KeyDescription } from './key-creation.service.js';
import type { KeyReadingService } from './key-reading.service.js';
import type { WrappedImportInput, WrappedImportService } from './wrapped-import.service.js';

const KIND = 'kms.key.import';

/** The input of a job, as it is stored. */
interface ImportWork {
  readonly keyId: string;
  readonly described: KeyDescription;
  /** What a wrapped key is wrapped under. */
  readonly importToken?: string;
  /** Base64 of the public half that was told beside a wrapped key. */
  readonly publicHalf?: string;
  /** Which member of the services' input the material is. */
  readonly member: 'privateKey' | 'publicKey' | 'wrappedKey';
  /** Base64 of the material, sealed for the job. */
  readonly sealed: string;
}

const bindingOf = (tenantId: string, jobId: string): SealBinding => ({
  tenantId,
  purpose: 'job-input',
  objectId: jobId,
  version: 1,
});

/** Imports by a job: checked before there is one, and sealed until it has ended. */
export class KeyImportJobs {
  constructor(
    private readonly database: Database,
    private readonly store: JobStore,
    private readonly sealer: Sealer,
    private readonly reading: KeyReadingService,
    private readonly creation: KeyCreationService,
    private readonly wrapped: WrappedImportService,
  ) {}

  /**
   * `jobId` is chosen beforehand by who may ask again. Throws as the import itself, but for what comes between now and
   * then, and for what only unwrapping shows; and `rate_limited` where the tenant has too many jobs.
   */
  async importKey(
    ctx: RequestContext,
    input: ImportKeyInput | WrappedImportInput,
    jobId: string,
  ): Promise<JobView> {
    const { material, ...work } = await this.#check(ctx, input);
    try {
      const sealed = (await this.sealer.seal(bindingOf(ctx.tenantId, jobId), material)).toString('base64');
      const stored: ImportWork = { keyId: newKeyId(), ...work, sealed };
      return await this.database.transaction(ctx, (tx) =>
        this.store.enqueue(tx, ctx, { kind: KIND, input: stored, jobId }),
      );
    } finally {
      material.wipe();
    }
  }

  /** What the processes that run jobs are told to run. */
  get kinds(): readonly JobKind[] {
    return [{ kind: KIND, run: (job) => this.#run(job) }];
  }

  /** A private key goes on as it was read: its passphrase is needed no more. */
  async #check(
    ctx: RequestContext,
    input: ImportKeyInput | WrappedImportInput,
  ): Promise<Omit<ImportWork, 'keyId' | 'sealed'> & { readonly material: SecretBytes }> {
    const { name, tags, metadata, engineId } = input;
    const described: KeyDescription = {
      name,
      ...(tags && { tags }),
      ...(metadata && { metadata }),
      ...(engineId !== undefined && { engineId }),
    };
    if ('wrappedKey' in input) {
      const { importToken, wrappedKey, publicKey } = input;
      await this.wrapped.check(ctx, input);
      const half = publicKey && { publicHalf: publicKey.toString('base64') };
      return {
        described,
        importToken,
        ...half,
        member: 'wrappedKey',
        material: SecretBytes.take(wrappedKey),
      };
    }
    const privateKey = await this.creation.checkImport(ctx, input);
    if (privateKey) return { described, member: 'privateKey', material: privateKey };
    return { described, member: 'publicKey', material: SecretBytes.take(Buffer.from(input.publicKey!)) };
  }

  async #run({ ctx, jobId, input, signal }: JobRun): Promise<{ key_id: string }> {
    const { keyId, described, importToken, publicHalf, member, sealed } = input as ImportWork;
    const done = { key_id: keyId };
    if (await this.reading.findMade(ctx, keyId)) return done;
    signal.throwIfAborted();
    const binding = bindingOf(ctx.tenantId, jobId);
    const material = await this.sealer.unseal(binding, Buffer.from(sealed, 'base64'));
    try {
      const bytes = material.expose('import a key by a job');
      if (importToken === undefined)
        await this.creation.import(ctx, { ...described, [member]: bytes }, keyId);
      else {
        const half = publicHalf !== undefined && { publicKey: Buffer.from(publicHalf, 'base64') };
        await this.#importWrapped(ctx, { ...described, importToken, wrappedKey: bytes, ...half }, keyId);
      }
    } finally {
      material.wipe();
    }
    return done;
  }

  /** An attempt that was killed keeps the token for a while. */
  async #importWrapped(ctx: RequestContext, input: WrappedImportInput, keyId: string): Promise<void> {
    if (await this.wrapped.isInUse(ctx, input.importToken)) {
      throw new AppError('unavailable', { detail: 'The import token is in use.', retryAfterS: 10 });
    }
    await this.wrapped.import(ctx, input, keyId);
  }
}
