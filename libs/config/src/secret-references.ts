import { realpathSync, readFileSync, statSync } from 'node:fs';
import { sep } from 'node:path';
import { type AppError, invalidMember, SecretBytes } from '#kernel';

/** Variables that a reference may name: else whoever registers engines could have any of them sent to an endpoint. */
const VARIABLE = /^env:(CLAVIGER_SECRET_[A-Z0-9_]{1,100})$/;
const FILE = /^file:(\/[^\0]{1,1000})$/;
const MAX_BYTES = 4 * 1024;

/** Secrets that operators keep elsewhere: `env:CLAVIGER_SECRET_…`, or `file:` below the folder for secrets. */
export class SecretReferences {
  /** `folder` is absolute; without it no file can be named. */
  constructor(
    private readonly environment: Readonly<Record<string, string | undefined>>,
    private readonly folder: string | undefined,
  ) {}

  /** What begins as a reference is one, and never a secret's value. */
  isReference(text: string): boolean {
    return text.startsWith('env:') || text.startsWith('file:');
  }

  /**
   * The secret; a file's last line feed is not of it. Throws `validation_failed` at `secrets.<name>` where the reference
   * is not allowed or leads to nothing: which of the two is the case outside of the folder is not told.
   */
  read(reference: string, name: string): SecretBytes {
    const variable = VARIABLE.exec(reference)?.[1];
    const value = variable === undefined ? this.#file(reference, name) : this.environment[variable];
    if (value) return SecretBytes.take(Buffer.from(value));
    throw refused(name, 'names an environment variable that is not set, or may not be named');
  }

  #file(reference: string, name: string): string | undefined {
    const path = FILE.exec(reference)?.[1];
    if (path === undefined) return undefined;
    try {
      const real = realpathSync(path);
      if (this.folder === undefined || !real.startsWith(realpathSync(this.folder) + sep))
        throw new TypeError();
      const found = statSync(real);
      // A pipe would be waited for, and this process do nothing else.
      if (found.isFile() && found.size <= MAX_BYTES) return readFileSync(real, 'utf8').replace(/\r?\n$/, '');
    } catch {
      // Refused below, in the same words whatever is wrong.
    }
    throw refused(name, 'names no readable file of at most 4 KiB below CLAVIGER_SECRETS_DIR');
  }
}

const refused = (name: string, message: string): AppError => invalidMember(`secrets.${name}`, message);
